"""Vectors smoothed over the land: each is averaged with those of the pixels around that are alike. Pure.

Between two periods of the same land, vectors move by noise. Two pixels side by side that differ by no more
than that may well be the same land, and then their mean is closer to it than either. So the vectors of the
eight pixels around are added with the weight exp(-d^2 / (2 noise)): d^2 is the squared distance, *noise* the
mean squared distance between the vectors of the two periods. Over an edge of the land d^2 is many times the
noise, and nothing is added.
Source: the bilateral filter of Tomasi and Manduchi, "Bilateral filtering for gray and color images", ICCV
(1998), with noise for the range of values that it averages.

`neighbours` does so once. `prototypes` does it twice, the second time by the noise that is left, and then
draws the vectors to prototypes (`jobs.embedding.prototypes`). Land whose linear part is not filtered varies
gradually (`jobs.embedding.linear_part`) and has no kinds that prototypes could be of: there it averages four
times.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from jobs.runs.settings import check
from lake.format.arrays import AnyFloats, Floats, Indices, Singles

PROTOTYPES, NEIGHBOURS, NONE = "prototypes", "neighbours", "none"
SMOOTHINGS = (PROTOTYPES, NEIGHBOURS, NONE)
"""Averaged with pixels around twice, then drawn to prototypes; averaged once; neither."""
_ONCE, _PATCHES, _GRADUAL = 1, 2, 4
"""How often vectors are averaged: by `neighbours`; by `prototypes`, and on land that varies gradually."""
_PIXELS = 16384
"""Pixels that are smoothed at a time."""


def resolve(smoothing: str, periods: int, *, has_linear_part: bool, unit: bool) -> str:
    """Whether vectors are smoothed: as it is asked for, else beside a linear part alone.

    Raises:
        ConfigError: it is asked for where there is one period, which tells no noise, or vectors have other
            lengths than 1.
    """
    is_wanted = smoothing not in {"", NONE}
    check(
        f"smoothing={smoothing} needs inputs=gcca or a second store",
        smoothing,
        holds=periods > 1 or not is_wanted,
    )
    check(f"smoothing={smoothing} needs unit=true", smoothing, holds=unit or not is_wanted)
    return PROTOTYPES if has_linear_part and not smoothing else smoothing


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps of a smoothing."""

    passes: int
    """How often vectors are averaged with those around."""
    draws: bool
    """Whether they are drawn to prototypes then."""

    @classmethod
    def of(cls, smoothing: str, *, is_gradual: bool) -> Self:
        """Those of a resolved setting; `is_gradual`: the linear part of the land is not filtered."""
        if smoothing == PROTOTYPES:
            return cls(_GRADUAL if is_gradual else _PATCHES, draws=not is_gradual)
        return cls(_ONCE if smoothing == NEIGHBOURS else 0, draws=False)

    @property
    def count(self) -> int:
        """All of them; each has a noise of its own."""
        return self.passes + self.draws


MOST_STEPS = max(_GRADUAL, _PATCHES + 1)
"""The largest number of steps that there can be."""


def squared_distances(first: AnyFloats, second: AnyFloats) -> Floats:
    """(n,) squared distances of the vectors (P, d) of the same pixels; those that lack one are left out."""
    squares: Floats = np.square(first - second, dtype=np.float64).sum(axis=1)
    return squares[np.isfinite(squares)]


def smoothed(vectors: Singles, around: Indices, noise: float) -> Singles:
    """(P, d) vectors averaged with those around that are alike, of length 1; NaN stays NaN.

    Args:
        vectors: (P, d) of length 1; NaN in the rows of pixels without a vector.
        around: (P, 8) rows of the pixels around each; below 0: there is none.
        noise: mean squared distance between two periods; 0 or NaN: no two pixels are alike.
    """
    averaged = np.empty_like(vectors)
    for start in range(0, len(vectors), _PIXELS):
        part = slice(start, start + _PIXELS)
        averaged[part] = _weighted_sum(vectors, vectors[part], around[part], noise)
    averaged /= np.linalg.norm(averaged, axis=1, keepdims=True)
    return averaged


def _weighted_sum(vectors: Singles, own: Singles, around: Indices, noise: float) -> Singles:
    """(p, d) each vector and those around it, times their weights."""
    total = own.copy()
    for other in around.T if noise > 0 else ():
        beside = vectors[other]
        distance = np.square(beside - own).sum(axis=1)
        is_known = (other >= 0) & np.isfinite(distance)
        weight = np.exp(-distance[is_known] / (2 * noise))
        total[is_known] += beside[is_known] * weight[:, None]
    return total
