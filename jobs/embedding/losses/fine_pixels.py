"""Distances between the fine pixels of a coarse one, as sets: their order does not count, but for `ssim`.

Sets are (..., subpixel, channel); a channel is a band and statistic, of unit variance. All fine pixels
of a set weigh alike, and both sets have equally many. Every distance is the mean over all sets, 0 for
equal sets, and differentiable; `ssim` is a likeness, 1 for equal images.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

BLUR = 0.5
"""Length below which `sinkhorn` does not tell fine pixels apart."""
ITERATIONS = 30
"""Iterations of `sinkhorn`: within a hundredth of convergence on sets of standardised values."""
DIRECTIONS = 32
"""Number of directions of `sliced_wasserstein`."""
WINDOW = 3
"""Rows and columns of the windows of `ssim`; images of fewer are one window."""
RANGE = 6.0
"""Range of values that `ssim` takes for granted: three standard deviations to both sides."""


def wasserstein(first: Tensor, second: Tensor) -> Tensor:
    """Mean distance of the sorted values of each channel: W1 of each, by itself.

    Source: Villani, "Topics in optimal transportation" (2003), section 2.2: on the line, the optimal plan
    is the monotone one.
    """
    return (first.sort(dim=-2).values - second.sort(dim=-2).values).abs().mean()


def sliced_wasserstein(first: Tensor, second: Tensor, directions: Tensor | None = None) -> Tensor:
    """The squared W2 of the sets' shadows on a line, mean over directions.

    Source: Bonneel et al., "Sliced and Radon Wasserstein barycenters of measures" (2015), eq. 8.

    Args:
        first: (..., subpixel, channel).
        second: likewise.
        directions: (channel, n) of length 1; None: `DIRECTIONS`, the same at every call.
    """
    if directions is None:
        directions = _directions(first)
    one, other = ((points @ directions).sort(dim=-2).values for points in (first, second))
    return functional.mse_loss(one, other)


def chamfer(first: Tensor, second: Tensor) -> Tensor:
    """The squared distance to the nearest fine pixel of the other set: mean over each set, both added.

    Source: Fan, Su and Guibas, "A point set generation network for 3D object reconstruction from a single
    image" (2017), eq. 3, with means for sums.
    """
    squares = _squared_distances(first, second)
    return squares.amin(dim=-1).mean() + squares.amin(dim=-2).mean()


def sinkhorn(
    first: Tensor, second: Tensor, blur: float = BLUR, iterations: int = ITERATIONS
) -> Tensor:
    """The Sinkhorn divergence: entropic transport between the sets, less that of each to itself.

    The cost of a pair is half its squared distance, the entropy weighs `blur` squared.
    Source: Feydy et al., "Interpolating between optimal transport and MMD using Sinkhorn divergences"
    (2019), eq. 3; potentials and their gradients as in github.com/jeanfeydy/geomloss.
    """
    within = _transport(first, first, blur, iterations) + _transport(
        second, second, blur, iterations
    )
    return (_transport(first, second, blur, iterations) - within / 2).mean()


def ssim(first: Tensor, second: Tensor, window: int = WINDOW, span: float = RANGE) -> Tensor:
    """Structural similarity of the images that the fine pixels are, by square windows inside them.

    Source: Wang et al., "Image quality assessment: from error visibility to structural similarity" (2004),
    eq. 13 with K1 = 0.01 and K2 = 0.03, and a flat window.

    Args:
        first: (..., subpixel, channel), fine pixels row by row of a square.
        second: likewise.
        window: rows and columns of a window.
        span: highest possible value less the lowest.
    """
    x, y = (_images(points) for points in (first, second))
    size = min(window, x.shape[-1])
    mean_x, mean_y, square_x, square_y, product = (
        functional.avg_pool2d(image, size, stride=1) for image in (x, y, x * x, y * y, x * y)
    )
    luminance, contrast = (0.01 * span) ** 2, (0.03 * span) ** 2
    variances = square_x - mean_x**2 + square_y - mean_y**2
    covariance = product - mean_x * mean_y
    likeness = (2 * mean_x * mean_y + luminance) * (2 * covariance + contrast)
    return (likeness / (mean_x**2 + mean_y**2 + luminance) / (variances + contrast)).mean()


def _directions(points: Tensor) -> Tensor:
    """(channel, n) directions drawn once and for all, of length 1."""
    random = torch.Generator().manual_seed(0)
    drawn = torch.randn(points.shape[-1], DIRECTIONS, generator=random, dtype=torch.float64)
    return functional.normalize(drawn, dim=0).to(points)


def _squared_distances(first: Tensor, second: Tensor) -> Tensor:
    """(..., first, second) between the fine pixels of both sets."""
    return (first[..., :, None, :] - second[..., None, :, :]).square().sum(dim=-1)


def _transport(first: Tensor, second: Tensor, blur: float, iterations: int) -> Tensor:
    """(...,) the entropic cost of transport, as the sum of the means of both potentials.

    Gradients are those at the optimum: of either set by its own potential, with the other one fixed.
    """
    entropy = blur**2
    cost = _squared_distances(first, second.detach()) / 2
    reverse = _squared_distances(second, first.detach()) / 2
    with torch.no_grad():
        f, g = cost.new_zeros(cost.shape[:-1]), cost.new_zeros(cost.shape[:-1])
        for _ in range(iterations):
            best_f, best_g = _potential(cost, g, entropy), _potential(reverse, f, entropy)
            f, g = (f + best_f) / 2, (g + best_g) / 2
    return _potential(cost, g, entropy).mean(dim=-1) + _potential(reverse, f, entropy).mean(dim=-1)


def _potential(cost: Tensor, other: Tensor, entropy: float) -> Tensor:
    """(..., subpixel) the potential of the rows of a cost that is best for that of its columns."""
    scaled = (other[..., None, :] - cost) / entropy
    return -entropy * (scaled.logsumexp(dim=-1) - math.log(cost.shape[-1]))


def _images(points: Tensor) -> Tensor:
    """(image, 1, row, column) of sets (..., subpixel, channel)."""
    edge = math.isqrt(points.shape[-2])
    return points.transpose(-1, -2).reshape(-1, 1, edge, edge)
