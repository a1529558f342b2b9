"""Matrix products of blocks in float32: by NumPy, or by a GPU where the worker offers one.

NumPy's OpenBLAS multiplies a matrix by its own transpose by half the operations: on the CPU quicker
than torch's MKL, by triangular tiles too (1680 x 16384, CPU seconds: 0.46, 0.54, whole 0.92).
A part multiplies by one thread: workers have more
parts to do, and the sums of two threads are other ones than of one.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

from jobs.runs.device import has_gpu
from lake.format.arrays import Floats, Singles


@contextmanager
def one_thread() -> Iterator[None]:
    """In which products have one thread; decorates parts."""
    with threadpool_limits(1, "blas"):
        yield


def gram(z: Singles, total: Floats) -> None:
    """Add Z Z' of (feature, pixel) to `total` (feature, feature)."""
    total += _on_gpu(z) if has_gpu() else z @ z.T


def _on_gpu(z: Singles) -> Singles:
    import torch  # noqa: PLC0415

    torch.backends.cuda.matmul.allow_tf32 = False
    there = torch.from_numpy(z).cuda()
    found: Singles = (there @ there.T).cpu().numpy()
    return found
