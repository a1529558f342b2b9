"""Colours of maps: a stretch for three components, a colouring of regions; classes have theirs from the lake.

Colours are sRGB, 0 to 1. A pixel of the store without a value is `ABSENT`, a neutral grey that no
class has. Cells of the grid that are no pixels of the store are transparent.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lake.format.arrays import Floats
from lake.format.domain import Domain

ABSENT, FEW = (0.66, 0.66, 0.66), (0.41, 0.41, 0.41)
BELOW = (0.05, 0.05, 0.05)
"""Of a value that has no logarithm, on a map of logarithms."""
"""Of pixels without a value: never observed, or too rarely for the statistic."""


def stretch(values: ArrayLike, percent: tuple[float, float] = (2, 98)) -> Floats:
    """Stretch columns to 0..1 between two of their percentiles, so that outliers do not decide.

    Args:
        values: (P, n) values of the pixels; a row with a NaN has no value.
        percent: the percentiles that become 0 and 1.

    Returns:
        (P, n), NaN in rows without value; a constant column is 0.5.
    """
    values = np.array(values, np.float64)
    absent = ~np.isfinite(values).all(axis=1)
    values[absent] = np.nan
    if absent.all():
        return values
    low, high = np.percentile(values[~absent], percent, axis=0)
    width = np.where(high > low, high - low, 1.0)
    scaled = np.where(high > low, (values - low) / width, values - low + 0.5)
    clipped: Floats = np.clip(scaled, 0, 1)
    return clipped


def composite(domain: Domain, colours: ArrayLike) -> Floats:
    """An image of pixels' colours, `ABSENT` where a pixel has none.

    Args:
        domain: the pixels of the store.
        colours: (P, 3) colours of the pixels, 0 to 1; NaN: no value.

    Returns:
        (row, column, 4) with opacity, 0 where no pixel of the store lies.
    """
    colours = np.array(colours, np.float64)
    colours[np.isnan(colours).any(axis=1)] = ABSENT
    image = np.zeros((*domain.grid.shape, 4))
    image[domain.row, domain.column, :3] = colours
    image[domain.row, domain.column, 3] = 1
    return image


def distinct_colours(image: NDArray[np.int64], colours: int) -> NDArray[np.int64]:
    """A colour for every region of an image: different from its neighbours', where the colours suffice.

    Args:
        image: (row, column) region of each pixel, -1: none.
        colours: number of colours.

    Returns:
        (region,) 0 .. colours - 1, all used about equally.
    """
    count = int(image.max(initial=-1)) + 1
    neighbours = _neighbours(image, count)
    chosen_colours = np.full(count, -1)
    used = np.zeros(colours, np.int64)
    for region in range(count):
        clashes = np.bincount(
            chosen_colours[neighbours[region] & (chosen_colours >= 0)], minlength=colours
        )
        chosen_colours[region] = np.lexsort((used, clashes))[0]
        used[chosen_colours[region]] += 1
    return chosen_colours


def _neighbours(image: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
    touching = np.zeros((count, count), bool)
    for a, b in ((image[1:], image[:-1]), (image[:, 1:], image[:, :-1])):
        differ = (a >= 0) & (b >= 0) & (a != b)
        touching[a[differ], b[differ]] = True
    return touching | touching.T
