"""Gram matrices of blocks in float32: by NumPy, or by a GPU where the worker offers one.

NumPy's OpenBLAS multiplies a matrix by its own transpose by half the operations: on the CPU quicker
than torch's MKL, by triangular tiles too (1680 x 16384, CPU seconds: 0.46, 0.54, whole 0.92).
A task multiplies by one thread: workers have more tasks to do, and
the sums of two threads differ from those of one.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

from jobs.runs.device import has_gpu
from lake.format.arrays import Floats, Singles


@contextmanager
def one_thread() -> Iterator[None]:
    """A context in which products have one thread; decorates tasks."""
    with threadpool_limits(1, "blas"):
        yield


def add_gram(z: Singles, total: Floats) -> None:
    """Add the gram matrix Z Z' of z (feature, pixel) to `total` (feature, feature)."""
    total += _on_gpu(z) if has_gpu() else z @ z.T


def _on_gpu(z: Singles) -> Singles:
    import torch  # noqa: PLC0415

    torch.backends.cuda.matmul.allow_tf32 = False
    block = torch.from_numpy(z).cuda()
    gram: Singles = (block @ block.T).cpu().numpy()
    return gram
