"""Sets of fine pixels, and what POT, geomloss and torchmetrics say of them: see the tests of these losses."""

import numpy as np

_K = np.arange(2 * 16 * 2, dtype=np.float64)
FIRST = np.sin(1.3 * _K).reshape(2, 16, 2)
SECOND = (0.8 * np.cos(0.7 * _K + 0.1) + 0.3).reshape(2, 16, 2)
"""(set, subpixel, channel)"""
_ANGLES = np.arange(5) * np.pi / 5
DIRECTIONS = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)])
BLUR = 0.5


def main() -> None:
    """Print what the libraries say."""
    import ot
    import torch
    from geomloss import SamplesLoss
    from torchmetrics.functional.image import structural_similarity_index_measure as similarity

    distances = [
        ot.sliced_wasserstein_distance(first, second, projections=DIRECTIONS)
        for first, second in zip(FIRST, SECOND, strict=True)
    ]
    print("sliced", np.square(distances).mean())  # noqa: T201
    first, second = torch.from_numpy(FIRST), torch.from_numpy(SECOND)
    for blur in (BLUR, 1.0):
        loss = SamplesLoss("sinkhorn", p=2, blur=blur, scaling=0.999, backend="tensorized")
        print("sinkhorn", blur, loss(first, second).mean().item())  # noqa: T201
    images = [points.transpose(-1, -2).reshape(-1, 1, 4, 4) for points in (first, second)]
    window = {"gaussian_kernel": False, "kernel_size": 3, "data_range": 6.0}
    _, likeness = similarity(*images, **window, return_full_image=True)
    print("ssim", likeness[..., 1:-1, 1:-1].mean().item())  # noqa: T201


if __name__ == "__main__":
    main()
