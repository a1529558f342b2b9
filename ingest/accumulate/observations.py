"""Observations of a run of pixels at each time step, and the moments computed or merged from them.

Source of `merge`: Pebay, "Formulas for robust, one-pass parallel computation of covariances and
arbitrary-order statistical moments", SAND2008-6212 (2008), pairwise update.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ingest.accumulate import sums
from ingest.accumulate.compiled import compiled
from lake.format.arrays import Floats
from lake.format.moments import METRICS

Block = NDArray[np.float32]
"""(band, metric, pixel, subpixel) moments; NaN where there is no observation, but the count is 0."""

CELLS = 4096
"""Number of fine pixels of one band that are merged at once: they fit into the processor's cache."""


@dataclass(frozen=True, slots=True, eq=False)
class Observations:
    """The observations of one cube on a run of pixels at some time steps."""

    valid: NDArray[np.bool_]
    """(step, pixel) True = clear land with good flags in all bands."""
    counts: NDArray[np.uint16]
    """(step, band, pixel, subpixel) packed counts of the files; 0 where not valid."""
    tables: Floats
    """(step, band, count) reflectance factor (1) or temperature (K) that each packed count means; NaN
    for counts that no valid pixel has."""


def concatenate(parts: Sequence[Observations]) -> Observations:
    """The time steps of several observations, which share pixels and bands, one after another."""
    steps = [part.valid.shape[0] for part in parts]
    _, bands, length = np.max([part.tables.shape for part in parts], axis=0)
    tables = np.full((sum(steps), bands, length), np.nan)
    first = 0
    for part, number in zip(parts, steps, strict=True):
        tables[first : first + number, :, : part.tables.shape[2]] = part.tables
        first += number
    return Observations(
        np.concatenate([part.valid for part in parts]),
        np.concatenate([part.counts for part in parts]),
        tables,
    )


def moments(observed: Observations) -> Block:
    """The seven metrics over all time steps, computed in float64 and rounded once to float32.

    Where a pixel has no observation its count is 0 and its other metrics are NaN.
    """
    steps, bands, pixels, subpixels = observed.counts.shape
    total = sums.blank(bands, pixels, subpixels)
    begins = np.arange(steps * bands, dtype=np.int64).reshape(steps, bands).T * pixels * subpixels
    counts = np.ascontiguousarray(observed.counts).reshape(-1)
    states = np.where(observed.valid, sums.OBSERVED, sums.DROPPED).astype(np.uint8)
    total.add(counts, begins, observed.tables, states)
    return total.results()


def merge(blocks: Sequence[Block], out: Block | None = None) -> Block:
    """Moments of the union of disjoint observations, merged in float64 and rounded once to float32.

    A count of NaN says that nothing was ever ingested; it stays where all blocks have it. What one
    block alone has observed comes back bit for bit.

    It gives what `lake.format.moments.merge` gives, compiled for publishing: without arrays in between,
    and outside Python's global lock. `lake.format.moments.merge` names the other implementations.

    Args:
        blocks: one or more blocks of one shape.
        out: receives the result, of that shape and C-contiguous; None: a new array.
    """
    merged = np.empty_like(blocks[0]) if out is None else out
    if len(blocks) == 1:
        merged[...] = blocks[0]
        return merged
    bands, _, pixels, subpixels = merged.shape
    cells = [block.reshape(bands, len(METRICS), pixels * subpixels) for block in blocks]
    whole = merged.reshape(bands, len(METRICS), pixels * subpixels)
    total, addend = (np.empty((len(METRICS), CELLS), np.float64) for _ in range(2))
    for band in range(bands):
        for first in range(0, whole.shape[2], CELLS):
            run = slice(first, first + CELLS)
            target = whole[band, :, run]
            total[:, : target.shape[1]] = cells[0][band, :, run]
            for block in cells[1:]:
                addend[:, : target.shape[1]] = block[band, :, run]
                _merge_into(total, addend, target.shape[1])
            target[...] = total[:, : target.shape[1]]
    return merged


@compiled
def _merge_into(total: Floats, addend: Floats, cells: int) -> None:
    """Add the first `cells` cells of `addend` to `total`, both (metric, cell), in place.

    There are no branches, so that the compiler makes vector instructions. Where a side has no
    observation its terms are undefined: they are computed, and not used.
    """
    for i in range(cells):
        count_a, count_b = total[0, i], addend[0, i]
        na = count_a if count_a > 0 else 0.0
        nb = count_b if count_b > 0 else 0.0
        n = na + nb
        a, b = na / n, nb / n
        low_a, high_a, m1a, m2a = total[1, i], total[2, i], total[3, i], total[4, i]
        m3a, m4a = total[5, i], total[6, i]
        low_b, high_b = addend[1, i], addend[2, i]
        m1b, m2b = addend[3, i], addend[4, i]
        m3b, m4b = addend[5, i], addend[6, i]
        d = m1b - m1a
        step = d * d * (na * b)
        low = min(low_a, low_b)
        high = max(high_a, high_b)
        m1 = m1a + d * b
        m2 = m2a + m2b + step
        m3 = m3a + m3b + d * (step * (a - b) + 3 * (a * m2b - b * m2a))
        m4 = (
            (m4a + m4b)
            + d * d * (step * (a * a - a * b + b * b) + 6 * (a * a * m2b + b * b * m2a))
            + 4 * d * (a * m3b - b * m3a)
        )
        a_alone, b_alone = nb == 0, na == 0
        never = count_a if np.isnan(count_b) else count_b
        total[0, i] = n if n > 0 else never
        total[1, i] = low_a if a_alone else (low_b if b_alone else low)
        total[2, i] = high_a if a_alone else (high_b if b_alone else high)
        total[3, i] = m1a if a_alone else (m1b if b_alone else m1)
        total[4, i] = m2a if a_alone else (m2b if b_alone else m2)
        total[5, i] = m3a if a_alone else (m3b if b_alone else m3)
        total[6, i] = m4a if a_alone else (m4b if b_alone else m4)
