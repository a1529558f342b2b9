"""Where tasks compute: a worker offers a GPU by the Dask resource `GPU`."""

from importlib.util import find_spec

from distributed import get_worker


def has_gpu() -> bool:
    """Whether this process is a worker that offers a GPU, and torch can use one."""
    try:
        resources = get_worker().state.total_resources
    except ValueError:  # no worker of a cluster
        return False
    if not resources.get("GPU") or find_spec("torch") is None:
        return False
    import torch  # noqa: PLC0415 (heavy, and no use without a GPU)

    return torch.cuda.is_available()
