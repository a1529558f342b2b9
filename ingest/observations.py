"""Observations of a run of pixels, step by step, and the moments that they or earlier moments make.

Source of `merge`: Pebay, "Formulas for robust, one-pass parallel computation of covariances and
arbitrary-order statistical moments", SAND2008-6212 (2008), pairwise update.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ingest import sums
from ingest.compiled import compiled
from lake.moments import METRICS

Floats = NDArray[np.float64]
Block = NDArray[np.float32]
"""(band, metric, pixel, subpixel)"""

CELLS = 4096
"""Fine pixels of one band that are merged at once: they stay in the cache."""


@dataclass(frozen=True, slots=True, eq=False)
class Observations:
    """Some time steps of one cube on a run of pixels."""

    valid: NDArray[np.bool_]
    """(step, pixel) True = clear land, all bands good."""
    counts: NDArray[np.uint16]
    """(step, band, pixel, subpixel) packed; 0 where not valid."""
    tables: Floats
    """(step, band, count) reflectance factor (1) or temperature (K) of every count of a valid pixel."""


def concatenate(parts: Sequence[Observations]) -> Observations:
    """The time steps of several, which share pixels and bands."""
    length = max(part.tables.shape[2] for part in parts)
    tables = [
        np.pad(p.tables, ((0, 0), (0, 0), (0, length - p.tables.shape[2])), constant_values=np.nan)
        for p in parts
    ]
    return Observations(
        np.concatenate([part.valid for part in parts]),
        np.concatenate([part.counts for part in parts]),
        np.concatenate(tables),
    )


def moments(seen: Observations) -> Block:
    """The seven metrics of all time steps, in float64, rounded once.

    NaN where there is no observation, but the count is 0.
    """
    steps, bands, pixels, subpixels = seen.counts.shape
    total = sums.blank(bands, pixels, subpixels)
    begins = np.arange(steps * bands, dtype=np.int64).reshape(steps, bands).T * pixels * subpixels
    counts = np.ascontiguousarray(seen.counts).reshape(-1)
    states = np.where(seen.valid, sums.OBSERVED, sums.DROPPED).astype(np.uint8)
    total.add(counts, begins, seen.tables, states)
    return total.results()


def merge(blocks: Sequence[Block]) -> Block:
    """Moments of the union of disjoint observations, merged in float64, rounded once.

    A count of NaN says that nothing was ever ingested, and stays where all blocks say so. What one
    block alone has observed comes back bit for bit.

    Args:
        blocks: at least one, of one shape.
    """
    if len(blocks) == 1:
        return blocks[0]
    bands, _, pixels, subpixels = blocks[0].shape
    merged = np.empty_like(blocks[0])
    cells = [block.reshape(bands, len(METRICS), pixels * subpixels) for block in blocks]
    out = merged.reshape(bands, len(METRICS), pixels * subpixels)
    total = np.empty((len(METRICS), CELLS), np.float64)
    for band in range(bands):
        for first in range(0, out.shape[2], CELLS):
            run = slice(first, first + CELLS)
            target = out[band, :, run]
            total[:, : target.shape[1]] = cells[0][band, :, run]
            for block in cells[1:]:
                _merge_into(total, block[band, :, run])
            target[...] = total[:, : target.shape[1]]
    return merged


@compiled
def _merge_into(total: Floats, block: Block) -> None:
    """Both (metric, cell); `total` may be longer."""
    for i in range(block.shape[1]):
        nb, na = np.float64(block[0, i]), total[0, i]
        if not nb > 0:
            if np.isnan(na):
                total[0, i] = nb
            continue
        if not na > 0:
            for metric in range(7):
                total[metric, i] = block[metric, i]
            continue
        n = na + nb
        delta = block[3, i] - total[3, i]
        a, b = na / n, nb / n
        m2a, m2b, m3a, m3b = total[4, i], np.float64(block[4, i]), total[5, i], block[5, i]
        step = delta * delta * (na * b)
        total[0, i] = n
        total[1, i] = min(total[1, i], np.float64(block[1, i]))
        total[2, i] = max(total[2, i], np.float64(block[2, i]))
        total[3, i] += delta * b
        total[4, i] = m2a + m2b + step
        total[5, i] = m3a + m3b + delta * (step * (a - b) + 3 * (a * m2b - b * m2a))
        total[6, i] += (
            block[6, i]
            + delta * delta * (step * (a * a - a * b + b * b) + 6 * (a * a * m2b + b * b * m2a))
            + 4 * delta * (a * m3b - b * m3a)
        )
