"""What measures are computed from: vectors of pixels whose truth is known, on one split in space."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from jobs.evaluation import far_pairs, probes
from jobs.evaluation.far_pairs import Similarity
from jobs.evaluation.probes import Split
from jobs.runs.settings import check
from lake.errors import DataError
from lake.format.arrays import AnyFloats, Indices, Integers

FAR_SQUARES = 3
"""Pixels are far that lie more than so many squares of the checkerboard apart."""
MOST_SIMILAR = 50
"""Number of most similar pixels of which `Case.similarity` says where they lie."""
ASKED = 500
"""Number of pixels that it asks for theirs."""


@dataclass(frozen=True, slots=True)
class MeasureSettings:
    """How many pixels are measured, and how they are split in space."""

    square: int = 20
    """Rows and columns of a square of the checkerboard that separates training from held-out pixels."""
    most: int = 8000
    """Largest number of pixels on each side: training, and held out."""
    few: int = 500
    """Number of training labels of the `few_` probes."""
    pairs: int = 2000
    """Number of pixels whose distances to each other are all computed."""
    near: int = 10
    """Number of nearest neighbours that `overlap`, `trustworthiness` and `continuity` compare."""

    def __post_init__(self) -> None:
        for name in ("square", "most", "few", "near"):
            check(f"{name} must be above 0", getattr(self, name), holds=getattr(self, name) > 0)
        check("pairs must be above 2 near", self.pairs, holds=self.pairs > 2 * self.near)


@dataclass(frozen=True, slots=True, eq=False)
class Pixels:
    """Vectors of some pixels and the truth about them. A row of NaN, or a class below 0, is not known."""

    vectors: AnyFloats
    """(P, d) the vectors that are measured."""
    row: NDArray[np.integer]
    column: NDArray[np.integer]
    classes: Integers
    """(P,) class numbers from 0; below 0: unknown."""
    second_vectors: AnyFloats | None = None
    """(P, d) vectors of the same pixels in another period; None: there is one period."""
    quantities: Mapping[str, AnyFloats] = field(default_factory=dict)
    """Name -> (P, n) values that ridge regression predicts."""
    truth: AnyFloats | None = None
    """(P, n) coordinates in which similar pixels are close, e.g. the hidden dynamics."""
    features: AnyFloats | None = None
    """(P, n) features that the vectors were computed from."""
    touching: tuple[AnyFloats, AnyFloats] | None = None
    """(pair, d) vectors of pixels, and of pixels of the same class that touch these: `coherence`."""


@dataclass(frozen=True, eq=False)
class Case:
    """Pixels to measure on one split; what several measures need is computed once."""

    pixels: Pixels
    settings: MeasureSettings
    seed: int
    """Places the checkerboard, and starts all random draws."""

    @cached_property
    def has_vector(self) -> NDArray[np.bool_]:
        """(P,) True: the pixel has vectors in all periods."""
        first, second = self.pixels.vectors, self.pixels.second_vectors
        return is_finite(first) if second is None else is_finite(first) & is_finite(second)

    @cached_property
    def split(self) -> Split:
        """Positions of training and held-out pixels that have vectors and a class."""
        return self.split_of(self.has_vector & (self.pixels.classes >= 0), "classes")

    def split_of(self, usable: NDArray[np.bool_], subject: str) -> Split:
        """Positions of training and held-out pixels among the usable ones (P,).

        Raises:
            DataError: one colour of the checkerboard has no usable pixel.
        """
        square, most = self.settings.square, self.settings.most
        row, column = self.pixels.row, self.pixels.column
        halves = probes.split(row, column, usable, square, most, self.seed)
        if not (halves.train.size and halves.test.size):
            raise DataError(
                f"{subject}: {halves.train.size} known pixels to train on and {halves.test.size} held "
                f"out, on squares of {square} x {square} pixels: wanted some of both; take smaller "
                "squares, '--set square=...', or labels that lie less close together"
            )
        return halves

    @cached_property
    def held_out(self) -> Integers:
        """(T,) classes of the held-out pixels."""
        return self.pixels.classes[self.split.test]

    @cached_property
    def predicted(self) -> Mapping[str, Integers]:
        """Probe -> (T,) the classes that it predicts for the held-out pixels."""
        x, classes, split = self.pixels.vectors, self.pixels.classes, self.split
        predicted = {}
        for name, side in (("", split.train), ("few_", split.train[: self.settings.few])):
            train_and_test = x[side], classes[side], x[split.test]
            for k in (1, 3):
                predicted[f"{name}knn_{k}"] = probes.neighbours(*train_and_test, k)
            predicted[f"{name}linear"] = probes.linear(*train_and_test)
        return predicted

    @cached_property
    def positions(self) -> Indices:
        """(N + T,) positions of the training and the held-out pixels."""
        return np.concatenate([self.split.train, self.split.test])

    @cached_property
    def subset(self) -> Indices:
        """Positions of `pairs` of these pixels."""
        return np.random.default_rng(self.seed).permutation(self.positions)[: self.settings.pairs]

    @cached_property
    def periods(self) -> tuple[AnyFloats, AnyFloats]:
        """(N + T, d) vectors of the pixels of `positions` in both periods.

        Raises:
            DataError: there is one period.
        """
        second = self.pixels.second_vectors
        if second is None:
            raise DataError("pixels have vectors of one period: wanted two")
        return self.pixels.vectors[self.positions], second[self.positions]

    @property
    def distance(self) -> int:
        """Rows or columns that far pixels lie apart, at least one more."""
        return FAR_SQUARES * self.settings.square

    @cached_property
    def similarity(self) -> Similarity | None:
        """Where the pixels most similar to some of the training and held-out pixels lie."""
        drawn = np.random.default_rng(self.seed).permutation(self.positions.size)
        near = min(MOST_SIMILAR, self.positions.size - 1)
        return far_pairs.most_similar(*self.measured, drawn[:ASKED], self.distance, near)

    @cached_property
    def measured(self) -> tuple[AnyFloats, Integers, Integers, Integers]:
        """Vectors, rows, columns and classes of the pixels of `positions`."""
        pixels, positions = self.pixels, self.positions
        return (
            pixels.vectors[positions],
            pixels.row[positions],
            pixels.column[positions],
            pixels.classes[positions],
        )


def is_finite(x: AnyFloats) -> NDArray[np.bool_]:
    """(P,) True: all of a row of (P, n) is known."""
    return np.asarray(np.isfinite(x).all(axis=1))
