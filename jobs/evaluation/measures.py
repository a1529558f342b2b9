"""All measures of the vectors of pixels whose truth is known, on one split of the pixels in space.

The functions are pure: `measure` takes `Pixels` and returns a `Measurement`. A measure whose inputs are
missing is left out. Higher is better, except for `stability`, `alignment` and `uniformity`. The last
three rows are reported beside the others and rank no methods.

    knn_1, knn_3, linear            share of held-out pixels whose class a probe predicts: by 1 or 3
                                    nearest neighbours, or by multinomial logistic regression
    few_knn_1, few_knn_3, few_linear    the same, from `few` labels
    nmi, ari                        agreement of the classes with k-means of as many clusters: normalised
                                    mutual information, adjusted Rand index
    cross_period, cross_linear      knn_3 and linear, trained on one period, predicting in the other
    retrieval                       share of pixels whose nearest vector in the other period is their own
    stability                       distance that a pixel moves between periods over that between classes
    r2_<name>                       share of the variance of a quantity that ridge regression predicts
    overlap                         share of nearest neighbours that are so in the truth's quantities too
    trustworthiness, continuity     agreement of nearest neighbours with those in the features
    alignment                       mean squared distance of the two periods of a pixel on the unit sphere
    uniformity                      how evenly the vectors fill the unit sphere; low: evenly
    rankme                          number of dimensions that the vectors use
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from jobs.evaluation import clusterings, neighbourhoods, probes, representation, stability
from jobs.evaluation.probes import Split
from jobs.runs.settings import check
from lake.errors import DataError
from lake.format.arrays import AnyFloats, Integers


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


@dataclass(frozen=True, slots=True, eq=False)
class Measurement:
    """The results of one seed."""

    values: Mapping[str, float]
    """Measure -> value; the names are those of the table above."""
    confusion: Integers
    """(class, class) held-out pixels by true class (rows) and by the class that 3 neighbours predict."""
    moved: NDArray[np.float64] | None
    """(class,) how far pixels move between periods: `stability.by_class`. None: there is one period."""


@threadpool_limits.wrap(limits=1)  # type: ignore[untyped-decorator]
def measure(pixels: Pixels, settings: MeasureSettings, seed: int) -> Measurement:
    """Measure everything that these pixels allow, in one thread, so that a repetition gives the same numbers.

    Args:
        pixels: vectors and truth; some pixels of either colour of the checkerboard need both.
        settings: sizes of the split and of the subsets.
        seed: places the checkerboard, and starts all random draws.

    Raises:
        DataError: one colour of the board has no pixel whose vectors and class, or quantity, are known.
    """
    has_vector = _is_finite(pixels.vectors)
    if pixels.second_vectors is not None:
        has_vector &= _is_finite(pixels.second_vectors)
    usable = has_vector & (pixels.classes >= 0)
    split = _split(pixels, usable, settings, seed, "classes")
    count = int(pixels.classes.max(initial=0)) + 1
    predicted, held_out = _predicted_classes(pixels, split, settings), pixels.classes[split.test]
    values = {
        name: probes.accuracy(predicted_classes, held_out)
        for name, predicted_classes in predicted.items()
    }
    values |= _cluster_agreement(pixels, split, seed)
    values |= _explained_variance(pixels, has_vector, settings, seed)
    positions = np.concatenate([split.train, split.test])
    subset = np.random.default_rng(seed).permutation(positions)[: settings.pairs]
    values |= _neighbourhood_agreement(pixels, has_vector, settings, seed)
    moved = None
    if pixels.second_vectors is not None:
        first, second, classes = (
            pixels.vectors[positions],
            pixels.second_vectors[positions],
            pixels.classes[positions],
        )
        values |= _across_periods(pixels, split, subset)
        values["stability"] = stability.against_classes(first, second, classes)
        moved = stability.by_class(first, second, classes, count)
    values |= _use_of_space(pixels, subset)
    shape = (count, count)
    confusion = clusterings.overlap(held_out, predicted["knn_3"], shape)
    return Measurement(values, confusion, moved)


def summary(seeds: Sequence[Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Measure -> `mean` and `spread` over seeds: the standard deviation (n - 1), or 0 for a single seed."""
    return {
        name: {
            "mean": float(np.mean([values[name] for values in seeds])),
            "spread": float(np.std([values[name] for values in seeds], ddof=1))
            if len(seeds) > 1
            else 0.0,
        }
        for name in seeds[0]
    }


def _split(
    pixels: Pixels, usable: NDArray[np.bool_], settings: MeasureSettings, seed: int, subject: str
) -> Split:
    halves = probes.split(pixels.row, pixels.column, usable, settings.square, settings.most, seed)
    if not (halves.train.size and halves.test.size):
        raise DataError(
            f"{subject}: {halves.train.size} known pixels to train on and {halves.test.size} held out, on "
            f"squares of {settings.square} x {settings.square} pixels: wanted some of both; take smaller "
            "squares, '--set square=...', or labels that lie less close together"
        )
    return halves


def _predicted_classes(
    pixels: Pixels, split: Split, settings: MeasureSettings
) -> dict[str, Integers]:
    """Probe -> (T,) the classes that it predicts for the held-out pixels."""
    x, classes, predicted = pixels.vectors, pixels.classes, {}
    for name, side in (("", split.train), ("few_", split.train[: settings.few])):
        train_and_test = x[side], classes[side], x[split.test]
        for k in (1, 3):
            predicted[f"{name}knn_{k}"] = probes.neighbours(*train_and_test, k)
        predicted[f"{name}linear"] = probes.linear(*train_and_test)
    return predicted


def _cluster_agreement(pixels: Pixels, split: Split, seed: int) -> dict[str, float]:
    classes = pixels.classes[split.test]
    clusters = clusterings.clusters(pixels.vectors[split.test], len(np.unique(classes)), seed)
    return {
        "nmi": clusterings.mutual_information(classes, clusters),
        "ari": clusterings.adjusted_rand(classes, clusters),
    }


def _explained_variance(
    pixels: Pixels, has_vector: NDArray[np.bool_], settings: MeasureSettings, seed: int
) -> dict[str, float]:
    explained = {}
    for name, values in pixels.quantities.items():
        usable = has_vector & _is_finite(values)
        split = _split(pixels, usable, settings, seed, name)
        train, test = (pixels.vectors[side] for side in (split.train, split.test))
        explained[f"r2_{name}"] = probes.explained(
            train, values[split.train], test, values[split.test]
        )
    return explained


def _neighbourhood_agreement(
    pixels: Pixels, has_vector: NDArray[np.bool_], settings: MeasureSettings, seed: int
) -> dict[str, float]:
    def draw(reference: AnyFloats) -> Integers:
        candidates = np.flatnonzero(has_vector & _is_finite(reference))
        return np.random.default_rng(seed).permutation(candidates)[: settings.pairs]

    values = {}
    if pixels.truth is not None:
        subset = draw(pixels.truth)
        values["overlap"] = neighbourhoods.overlap(
            pixels.truth[subset], pixels.vectors[subset], settings.near
        )
    if pixels.features is not None:
        subset = draw(pixels.features)
        sides = pixels.features[subset], pixels.vectors[subset]
        values["trustworthiness"] = neighbourhoods.trustworthiness(*sides, settings.near)
        values["continuity"] = neighbourhoods.continuity(*sides, settings.near)
    return values


def _across_periods(pixels: Pixels, split: Split, subset: Integers) -> dict[str, float]:
    second = pixels.second_vectors
    if second is None:
        return {}
    x, classes, held_out = pixels.vectors[split.train], pixels.classes, second[split.test]
    by_neighbours = probes.neighbours(x, classes[split.train], held_out, 3)
    by_regression = probes.linear(x, classes[split.train], held_out)
    return {
        "cross_period": probes.accuracy(by_neighbours, classes[split.test]),
        "cross_linear": probes.accuracy(by_regression, classes[split.test]),
        "retrieval": stability.retrieval(pixels.vectors[subset], second[subset]),
    }


def _use_of_space(pixels: Pixels, subset: Integers) -> dict[str, float]:
    values = {
        "uniformity": representation.uniformity(pixels.vectors[subset]),
        "rankme": representation.rankme(pixels.vectors[subset]),
    }
    if pixels.second_vectors is None:
        return values
    return {
        "alignment": representation.alignment(pixels.vectors[subset], pixels.second_vectors[subset])
    } | values


def _is_finite(x: AnyFloats) -> NDArray[np.bool_]:
    return np.asarray(np.isfinite(x).all(axis=1))
