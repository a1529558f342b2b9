"""All measures of the vectors of pixels whose truth is known, on one split of the pixels in space.

Pure: `Pixels` in, `Found` out; what is not given is not measured. Higher is better but for `stability`,
`alignment` and `uniformity`. The last three below are reported and rank nothing.

    knn_1, knn_3, linear            share of the pixels held out whose class a probe tells
    few_knn_1, few_knn_3, few_linear    likewise, from `few` labels
    nmi, ari                        k-means with as many clusters as classes, against the classes
    cross_period, cross_linear      by 3 neighbours and linear, learnt from one period, asked in the other
    retrieval                       nearest vector of the other period is the pixel's own
    stability                       how far a pixel moves between periods over how far classes lie apart
    r2_<name>                       share of the variance of a quantity that ridge regression tells
    overlap                         nearest neighbours that are those in the truth's quantities
    trustworthiness, continuity     nearest neighbours against those in the features
    alignment, uniformity, rankme
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
class How:
    """How it is measured."""

    square: int = 20
    """Rows and columns of the squares that part pixels to learn from and pixels held out."""
    most: int = 8000
    """Pixels at most on either side."""
    few: int = 500
    """Labels of probes that get few."""
    pairs: int = 2000
    """Pixels whose distances to each other are all computed."""
    near: int = 10
    """Neighbours of `overlap`, `trustworthiness`, `continuity`."""

    def __post_init__(self) -> None:
        for name in ("square", "most", "few", "near"):
            check(f"{name} must be above 0", getattr(self, name), holds=getattr(self, name) > 0)
        check("pairs must be above 2 near", self.pairs, holds=self.pairs > 2 * self.near)


@dataclass(frozen=True, slots=True, eq=False)
class Pixels:
    """What is known of some pixels; a row of NaN, or a class below 0, is not known."""

    vectors: AnyFloats
    """(P, d)"""
    row: NDArray[np.integer]
    column: NDArray[np.integer]
    classes: Integers
    """(P,)"""
    other: AnyFloats | None = None
    """(P, d) in another period."""
    quantities: Mapping[str, AnyFloats] = field(default_factory=dict)
    """Name -> (P, n)."""
    truth: AnyFloats | None = None
    """(P, n) in which pixels that are alike are near, e.g. the hidden dynamics."""
    features: AnyFloats | None = None
    """(P, n) that the vectors were made from."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What was measured."""

    values: Mapping[str, float]
    confusion: Integers
    """(class, class) pixels held out of a class that 3 neighbours put into a class."""
    moved: NDArray[np.float64] | None
    """(class,) `stability.of_classes`; None: one period."""


@threadpool_limits.wrap(limits=1)  # type: ignore[untyped-decorator]
def measure(pixels: Pixels, how: How, seed: int) -> Found:
    """Everything that can be measured of these pixels; by one thread, so that figures are the same again.

    Args:
        pixels: of which some have vectors and classes on either colour of the checkerboard.
        how: sizes.
        seed: of the board's place and of all draws.

    Raises:
        DataError: one colour of the board has no pixel whose vectors and class, or quantity, are known.
    """
    there = _there(pixels.vectors)
    if pixels.other is not None:
        there &= _there(pixels.other)
    known = there & (pixels.classes >= 0)
    split = _split(pixels, known, how, seed, "classes")
    count = int(pixels.classes.max(initial=0)) + 1
    predicted, asked = _told(pixels, split, how), pixels.classes[split.test]
    values = {name: probes.accuracy(told, asked) for name, told in predicted.items()}
    values |= _grouped(pixels, split, seed)
    values |= _quantities(pixels, there, how, seed)
    drawn = np.concatenate([split.train, split.test])
    few = np.random.default_rng(seed).permutation(drawn)[: how.pairs]
    values |= _near(pixels, there, how, seed)
    moved = None
    if pixels.other is not None:
        one, other, classes = pixels.vectors[drawn], pixels.other[drawn], pixels.classes[drawn]
        values |= _crossed(pixels, split, few)
        values["stability"] = stability.against_classes(one, other, classes)
        moved = stability.of_classes(one, other, classes, count)
    values |= _space(pixels, few)
    shape = (count, count)
    confusion = clusterings.overlap(asked, predicted["knn_3"], shape)
    return Found(values, confusion, moved)


def summary(found: Sequence[Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Measure -> `mean` and `spread`, the standard deviation (n - 1), over seeds; 0 of one seed."""
    return {
        name: {
            "mean": float(np.mean([of[name] for of in found])),
            "spread": float(np.std([of[name] for of in found], ddof=1)) if len(found) > 1 else 0.0,
        }
        for name in found[0]
    }


def _split(pixels: Pixels, known: NDArray[np.bool_], how: How, seed: int, what: str) -> Split:
    found = probes.split(pixels.row, pixels.column, known, how.square, how.most, seed)
    if not (found.train.size and found.test.size):
        raise DataError(
            f"{what}: {found.train.size} known pixels to learn from and {found.test.size} held out, on "
            f"squares of {how.square} x {how.square} pixels: wanted some of both; take smaller squares, "
            "'--set square=...', or labels that lie less close together"
        )
    return found


def _told(pixels: Pixels, split: Split, how: How) -> dict[str, Integers]:
    """Classes that each probe tells."""
    x, classes, found = pixels.vectors, pixels.classes, {}
    for name, train in (("", split.train), ("few_", split.train[: how.few])):
        known = x[train], classes[train], x[split.test]
        for k in (1, 3):
            found[f"{name}knn_{k}"] = probes.neighbours(*known, k)
        found[f"{name}linear"] = probes.linear(*known)
    return found


def _grouped(pixels: Pixels, split: Split, seed: int) -> dict[str, float]:
    classes = pixels.classes[split.test]
    clusters = clusterings.clusters(pixels.vectors[split.test], len(np.unique(classes)), seed)
    return {
        "nmi": clusterings.mutual_information(classes, clusters),
        "ari": clusterings.adjusted_rand(classes, clusters),
    }


def _quantities(pixels: Pixels, there: NDArray[np.bool_], how: How, seed: int) -> dict[str, float]:
    found = {}
    for name, values in pixels.quantities.items():
        known = there & _there(values)
        split = _split(pixels, known, how, seed, name)
        train, test = (pixels.vectors[side] for side in (split.train, split.test))
        found[f"r2_{name}"] = probes.explained(train, values[split.train], test, values[split.test])
    return found


def _near(pixels: Pixels, there: NDArray[np.bool_], how: How, seed: int) -> dict[str, float]:
    def drawn(known: AnyFloats) -> Integers:
        all_ = np.flatnonzero(there & _there(known))
        return np.random.default_rng(seed).permutation(all_)[: how.pairs]

    found = {}
    if pixels.truth is not None:
        some = drawn(pixels.truth)
        found["overlap"] = neighbourhoods.overlap(
            pixels.truth[some], pixels.vectors[some], how.near
        )
    if pixels.features is not None:
        some = drawn(pixels.features)
        sides = pixels.features[some], pixels.vectors[some]
        found["trustworthiness"] = neighbourhoods.trustworthiness(*sides, how.near)
        found["continuity"] = neighbourhoods.continuity(*sides, how.near)
    return found


def _crossed(pixels: Pixels, split: Split, few: Integers) -> dict[str, float]:
    other = pixels.other
    if other is None:
        return {}
    x, classes, asked = pixels.vectors[split.train], pixels.classes, other[split.test]
    near = probes.neighbours(x, classes[split.train], asked, 3)
    linear = probes.linear(x, classes[split.train], asked)
    return {
        "cross_period": probes.accuracy(near, classes[split.test]),
        "cross_linear": probes.accuracy(linear, classes[split.test]),
        "retrieval": stability.retrieval(pixels.vectors[few], other[few]),
    }


def _space(pixels: Pixels, few: Integers) -> dict[str, float]:
    found = {
        "uniformity": representation.uniformity(pixels.vectors[few]),
        "rankme": representation.rankme(pixels.vectors[few]),
    }
    if pixels.other is None:
        return found
    return {"alignment": representation.alignment(pixels.vectors[few], pixels.other[few])} | found


def _there(x: AnyFloats) -> NDArray[np.bool_]:
    return np.asarray(np.isfinite(x).all(axis=1))
