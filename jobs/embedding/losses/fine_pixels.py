"""Distances between the fine pixels of a coarse one, as sets: their order does not count, but for `ssim`.

Sets are (..., subpixel, channel); a channel is a band and statistic, of unit variance. All fine pixels
of a set weigh alike, and both sets have equally many. Every distance is the mean over all sets, 0 for
equal sets, and differentiable; `ssim` is a likeness, 1 for equal images.

NaN: missing. A fine pixel that is missing in one set counts in neither, and a set without any fine pixel does
not count. To `wasserstein` a channel alone can be missing; to others a fine pixel lacks all if it lacks one.
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
    first, second, valid = _common(first.mT, second.mT)  # (..., channel, subpixel)
    return _mean((_sorted(first, valid) - _sorted(second, valid)).abs(), valid)


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
    first, second, valid = _common_fine_pixels(first, second)
    shadows = [(points @ directions).mT for points in (first, second)]  # (..., direction, subpixel)
    each = valid[..., None, :].expand_as(shadows[0])
    return _mean((_sorted(shadows[0], each) - _sorted(shadows[1], each)).square(), each)


def chamfer(first: Tensor, second: Tensor) -> Tensor:
    """The squared distance to the nearest fine pixel of the other set: mean over each set, both added.

    Source: Fan, Su and Guibas, "A point set generation network for 3D object reconstruction from a single
    image" (2017), eq. 3, with means for sums.
    """
    first, second, valid = _common_fine_pixels(first, second)
    squares = _squared_distances(first, second)
    far = torch.finfo(squares.dtype).max
    to_second = squares.masked_fill(~valid[..., None, :], far).amin(dim=-1)
    to_first = squares.masked_fill(~valid[..., :, None], far).amin(dim=-2)
    return _mean(to_second.where(valid, 0), valid) + _mean(to_first.where(valid, 0), valid)


def sinkhorn(
    first: Tensor, second: Tensor, blur: float = BLUR, iterations: int = ITERATIONS
) -> Tensor:
    """The Sinkhorn divergence: entropic transport between the sets, less that of each to itself.

    The cost of a pair is half its squared distance, the entropy weighs `blur` squared.
    Source: Feydy et al., "Interpolating between optimal transport and MMD using Sinkhorn divergences"
    (2019), eq. 3; potentials and their gradients as in github.com/jeanfeydy/geomloss.
    """
    first, second, valid = _common_fine_pixels(first, second)
    counts = valid.any(dim=-1)
    share = _shares(
        (valid | ~counts[..., None]).to(first.dtype)
    )  # of a set that does not count all fine pixels are 0
    pairs = (first, second), (first, first), (second, second)
    between, *within = (_transport(*pair, share, blur, iterations) for pair in pairs)
    divergence = between - (within[0] + within[1]) / 2
    return divergence.where(counts, 0).sum() / counts.sum().clamp(min=1)


def ssim(first: Tensor, second: Tensor, window: int = WINDOW, span: float = RANGE) -> Tensor:
    """Structural similarity of the images that the fine pixels are, by square windows inside them.

    Windows that lack a fine pixel do not count; 1 if all do. Source: Wang et al., "Image quality
    assessment: from error visibility to structural similarity" (2004), eq. 13 with K1 = 0.01 and
    K2 = 0.03, and a flat window.

    Args:
        first: (..., subpixel, channel), fine pixels row by row of a square.
        second: likewise.
        window: rows and columns of a window.
        span: highest possible value less the lowest.
    """
    first, second, valid = _common(first, second)
    x, y, shown = (_images(points) for points in (first, second, valid.to(first.dtype)))
    size = min(window, x.shape[-1])
    mean_x, mean_y, square_x, square_y, product = (
        functional.avg_pool2d(image, size, stride=1) for image in (x, y, x * x, y * y, x * y)
    )
    luminance, contrast = (0.01 * span) ** 2, (0.03 * span) ** 2
    variances = square_x - mean_x**2 + square_y - mean_y**2
    covariance = product - mean_x * mean_y
    likeness = (2 * mean_x * mean_y + luminance) * (2 * covariance + contrast)
    likeness = likeness / (mean_x**2 + mean_y**2 + luminance) / (variances + contrast)
    is_whole = -functional.max_pool2d(-shown, size, stride=1) == 1
    return 1 - ((1 - likeness) * is_whole).sum() / is_whole.sum().clamp(min=1)


def _common(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Both sets with 0 where either is missing, and where neither is."""
    valid = ~(first.isnan() | second.isnan())
    return first.where(valid, 0), second.where(valid, 0), valid


def _common_fine_pixels(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Both sets with 0 where either is missing, and (..., subpixel) where no channel is."""
    first, second, valid = _common(first, second)
    return first, second, valid.all(dim=-1)


def _sorted(values: Tensor, valid: Tensor) -> Tensor:
    """(..., subpixel) values in rising order, those that are missing last and the same in all sets."""
    return values.masked_fill(~valid, torch.finfo(values.dtype).max).sort(dim=-1).values


def _mean(values: Tensor, valid: Tensor) -> Tensor:
    """Mean over sets of the mean over their valid fine pixels (..., subpixel); values of others are 0."""
    count = valid.sum(dim=-1)
    means = values.sum(dim=-1) / count.clamp(min=1)
    return means.sum() / (count > 0).sum().clamp(min=1)


def _directions(points: Tensor) -> Tensor:
    """(channel, n) directions drawn once and for all, of length 1."""
    random = torch.Generator().manual_seed(0)
    drawn = torch.randn(points.shape[-1], DIRECTIONS, generator=random, dtype=torch.float64)
    return functional.normalize(drawn, dim=0).to(points)


def _squared_distances(first: Tensor, second: Tensor) -> Tensor:
    """(..., first, second) between the fine pixels of both sets."""
    return (first[..., :, None, :] - second[..., None, :, :]).square().sum(dim=-1)


def _shares(valid: Tensor) -> Tensor:
    """(..., subpixel) the share of each fine pixel of its set: the same for all that are valid, 1 not 0."""
    return valid / valid.sum(dim=-1, keepdim=True)


def _transport(
    first: Tensor, second: Tensor, share: Tensor, blur: float, iterations: int
) -> Tensor:
    """(...,) the entropic cost of transport, as the sum of the means of both potentials.

    Gradients are those at the optimum: of either set by its own potential, with the other one fixed.
    """
    entropy, weight = blur**2, share.log()
    cost = _squared_distances(first, second.detach()) / 2
    reverse = _squared_distances(second, first.detach()) / 2
    with torch.no_grad():
        f, g = cost.new_zeros(cost.shape[:-1]), cost.new_zeros(cost.shape[:-1])
        for _ in range(iterations):
            best_f, best_g = (
                _potential(cost, g, weight, entropy),
                _potential(reverse, f, weight, entropy),
            )
            f, g = (f + best_f) / 2, (g + best_g) / 2
    potentials = _potential(cost, g, weight, entropy) + _potential(reverse, f, weight, entropy)
    return (potentials * share).sum(dim=-1)


def _potential(cost: Tensor, other: Tensor, weight: Tensor, entropy: float) -> Tensor:
    """(..., subpixel) the potential of the rows of a cost that is best for that of its columns.

    `weight`: (..., subpixel) logarithms of the shares of the columns.
    """
    scaled = (other[..., None, :] - cost) / entropy + weight[..., None, :]
    return -entropy * scaled.logsumexp(dim=-1)


def _images(points: Tensor) -> Tensor:
    """(image, 1, row, column) of sets (..., subpixel, channel)."""
    edge = math.isqrt(points.shape[-2])
    return points.transpose(-1, -2).reshape(-1, 1, edge, edge)
