"""Invariants that stored statistics satisfy whatever was observed.

A block is float32 (tod, band, metric, pixel, subpixel) of one month. Each check gives the number of
places (tod, band, pixel, subpixel) where it fails.
Source: m4 n >= m2^2 and m3^2 <= m2 m4 are the Cauchy-Schwarz inequality for the deviations from the mean.
"""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from lake.format.moments import METRICS
from lake.format.schema import Cube

Block = NDArray[np.float32]
"""(tod, band, metric, pixel, subpixel) statistics of one month."""

ROUNDING = 16 * float(np.finfo(np.float32).eps)
"""Relative error of products of metrics that were rounded to float32 in several generations."""


def broken(block: Block, suspect: tuple[str, ...] = ()) -> Iterator[tuple[str, int]]:
    """The invariants of single cells that fail in a block, each with the number of cells.

    Args:
        block: (tod, band, metric, pixel, subpixel).
        suspect: metrics that may be wrong; invariants that need them are not checked.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        for name, is_broken in _cells(np.asarray(block, np.float64)):
            if not any(metric in name for metric in suspect) and (cells := int(is_broken.sum())):
                yield name, cells


def _cells(block: NDArray[np.float64]) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    count, low, high, m1, m2, m3, m4 = np.moveaxis(block, METRICS.index("count") + 2, 0)
    is_observed = count > 0
    slack = ROUNDING * np.maximum(np.abs(low), np.abs(high))
    yield "count is a whole number, 0 or more", ~np.isnan(count) & ((count < 0) | (count % 1 != 0))
    is_undefined = np.isnan(np.stack([low, high, m1, m2, m3, m4]))
    yield "no observation, no statistic", (is_undefined != ~is_observed).any(axis=0)
    yield "min <= m1 <= max", is_observed & ~((low <= m1 + slack) & (m1 <= high + slack))
    yield "m2 >= 0", is_observed & ~(m2 >= 0)
    yield "m2 = 0 where min = max", is_observed & (low == high) & (m2 > count * slack**2)
    yield "m4 count >= m2^2", is_observed & ~(m4 * count >= m2**2 * (1 - ROUNDING))
    yield (
        "m3^2 <= m2 m4",
        is_observed & ~(m3**2 <= m2 * m4 * (1 + ROUNDING) + np.finfo(np.float32).tiny),
    )


def unequal_counts(blocks: Mapping[Cube, Block]) -> Iterator[tuple[str, int]]:
    """Numbers of pixels whose bands and subpixels differ in count, by time of day.

    A pixel counts only where all its bands are good, so their counts are equal.

    Args:
        blocks: of one month and superblock, by cube; cubes that share a time of day are compared.
    """
    tods = {tod for cube in blocks for tod in cube.tods}
    for tod in sorted(tods):
        counts = [
            np.nan_to_num(block[cube.tods.index(tod), :, 0], nan=-1.0)  # (band, pixel, subpixel)
            for cube, block in blocks.items()
            if tod in cube.tods
        ]
        low = np.min([c.min(axis=(0, 2)) for c in counts], axis=0)
        high = np.max([c.max(axis=(0, 2)) for c in counts], axis=0)
        if pixels := int((low != high).sum()):
            yield f"equal counts of all bands at {tod} s", pixels


def excessive_counts(
    blocks: Mapping[Cube, Block], steps: Mapping[int, int]
) -> Iterator[tuple[str, int]]:
    """Numbers of pixels with a higher count than the ledger has time steps, by time of day.

    Args:
        blocks: of one month and superblock, by cube.
        steps: number of time steps of the month in the ledger, by time of day.
    """
    for cube, block in blocks.items():
        for index, tod in enumerate(cube.tods):
            if pixels := int((block[index, :, 0] > steps.get(tod, 0)).any(axis=(0, 2)).sum()):
                yield f"{cube.name}: count <= {steps.get(tod, 0)} time steps at {tod} s", pixels
