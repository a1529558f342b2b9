"""Matrix products of blocks in float32: by NumPy, or by a GPU where the worker offers one.

NumPy's OpenBLAS multiplies a matrix by its own transpose by half the operations: on the CPU quicker
than torch's MKL, by triangular tiles too (1680 x 16384, CPU seconds: 0.46, 0.54, whole 0.92).
A worker offers a GPU by the Dask resource `GPU`. A part multiplies by one thread: workers have more
parts to do, and the sums of two threads are other ones than of one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

import numpy as np
from distributed import get_worker
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]


@contextmanager
def one_thread() -> Iterator[None]:
    """In which products have one thread; decorates parts."""
    with threadpool_limits(1, "blas"):
        yield


def gram(z: Singles, total: Floats) -> None:
    """Add Z Z' of (feature, pixel) to `total` (feature, feature)."""
    total += _on_gpu(z) if has_gpu() else z @ z.T


def has_gpu() -> bool:
    """Whether this is a worker that offers a GPU, and there is one."""
    try:
        offered = get_worker().state.total_resources
    except ValueError:  # no worker of a cluster
        return False
    if not offered.get("GPU") or find_spec("torch") is None:
        return False
    import torch  # noqa: PLC0415 (heavy, and no use without a GPU)

    return torch.cuda.is_available()


def _on_gpu(z: Singles) -> Singles:
    import torch  # noqa: PLC0415

    torch.backends.cuda.matmul.allow_tf32 = False
    there = torch.from_numpy(z).cuda()
    found: Singles = (there @ there.T).cpu().numpy()
    return found
