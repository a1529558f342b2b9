"""All measures of vectors of pixels whose truth is known: the registry `MEASURES`, and what computes it.

The functions are pure: `measure` takes `Pixels` and returns a `Measurement`. An entry says what a measure
means and in which direction it is better; docs/evaluation.md shows the entries as a table.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from jobs.evaluation import (
    clusterings,
    coherence,
    far_pairs,
    neighbourhoods,
    probes,
    representation,
    stability,
)
from jobs.evaluation.cases import MOST_SIMILAR, Case, MeasureSettings, Pixels, is_finite
from lake.errors import DataError
from lake.format.arrays import AnyFloats, Indices, Integers

FAR_PAIRS = 20_000
"""Number of pairs of far pixels of any classes, and of one class."""
PERIOD_CLUSTERS = 10
"""Number of clusters whose agreement between the periods is measured: it knows of no classes."""
DENSITY_PIXELS, SMALLEST_CLUSTER, DENSITY_NEIGHBOURS = 3000, 15, 5
"""Of HDBSCAN: number of held-out pixels, pixels of the smallest cluster, neighbours of a density."""
QUANTITY = "r2_<quantity>"
"""Name of the measure of each quantity, in its entry."""


class Better(Enum):
    """The direction in which a measure is better; `NEITHER`: it ranks no methods."""

    HIGH = "high"
    LOW = "low"
    NEITHER = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """An entry: one measure, or several by one computation."""

    names: tuple[str, ...]
    values: Callable[[Case], Mapping[str, float]]
    """Name -> value; a measure that these pixels do not allow is left out."""
    help: str
    """One line for people."""
    better: Better = Better.HIGH
    needs: tuple[str, ...] = ()
    """Fields of `Pixels` without which it is left out."""


@dataclass(frozen=True, slots=True, eq=False)
class Measurement:
    """The results of one seed."""

    values: Mapping[str, float]
    """Measure -> value; the names are those of `MEASURES`."""
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
    case = Case(pixels, settings, seed)
    values: dict[str, float] = {}
    for entry in MEASURES:
        if all(getattr(pixels, name) is not None for name in entry.needs):
            values |= entry.values(case)
    count = int(pixels.classes.max(initial=0)) + 1
    moved = None
    if pixels.second_vectors is not None:
        moved = stability.by_class(*case.periods, pixels.classes[case.positions], count)
    confusion = clusterings.overlap(case.held_out, case.predicted["knn_3"], (count, count))
    return Measurement(values, confusion, moved)


def summary(seeds: Sequence[Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Measure -> `mean` and `spread` over seeds: the standard deviation (n - 1), or 0 for a single seed.

    Measures that one of the seeds does not have are left out.
    """
    return {
        name: {
            "mean": float(np.mean([values[name] for values in seeds])),
            "spread": float(np.std([values[name] for values in seeds], ddof=1))
            if len(seeds) > 1
            else 0.0,
        }
        for name in seeds[0]
        if all(name in values for values in seeds)
    }


def _probes(*names: str) -> Callable[[Case], Mapping[str, float]]:
    """Accuracy of the probes of these names."""
    return lambda case: {
        name: probes.accuracy(case.predicted[name], case.held_out) for name in names
    }


def _cluster_agreement(case: Case) -> dict[str, float]:
    vectors, classes = case.pixels.vectors[case.split.test], case.held_out
    clusters = clusterings.clusters(vectors, len(np.unique(classes)), case.seed)
    return _agreement_of(classes, clusters)


def _density_agreement(case: Case) -> dict[str, float]:
    some = case.split.test[:DENSITY_PIXELS]
    if some.size < 2 * SMALLEST_CLUSTER:
        return {}
    vectors, classes = case.pixels.vectors[some], case.pixels.classes[some]
    clusters = clusterings.density_clusters(vectors, SMALLEST_CLUSTER, DENSITY_NEIGHBOURS)
    return _agreement_of(classes, clusters, "hdbscan_")


def _agreement_of(classes: Integers, clusters: Integers, prefix: str = "") -> dict[str, float]:
    return {
        f"{prefix}nmi": clusterings.mutual_information(classes, clusters),
        f"{prefix}ari": clusterings.adjusted_rand(classes, clusters),
    }


def _far_separation(case: Case) -> dict[str, float]:
    vectors, row, column, classes = case.measured
    random = np.random.default_rng(case.seed)
    pairs = far_pairs.pairs(row, column, classes, case.distance, FAR_PAIRS, random)
    try:
        return {"far_auc": far_pairs.separation(vectors, classes, *pairs)}
    except DataError:  # the land is too small for far pairs
        return {}


def _far_precision(case: Case) -> dict[str, float]:
    return {"far_precision": case.similarity.precision} if case.similarity else {}


def _far_share(case: Case) -> dict[str, float]:
    return {"far_share": case.similarity.share} if case.similarity else {}


def _coherence(case: Case) -> dict[str, float]:
    first, second = case.pixels.touching or (np.zeros((0, 1)), np.zeros((0, 1)))
    known = is_finite(first) & is_finite(second)
    if not known.any():
        return {}
    vectors = case.pixels.vectors[case.positions]
    return {"coherence": coherence.coherence(first[known], second[known], vectors)}


def _explained_variance(case: Case) -> dict[str, float]:
    explained = {}
    for name, values in case.pixels.quantities.items():
        split = case.split_of(case.has_vector & is_finite(values), name)
        train, test = (case.pixels.vectors[side] for side in (split.train, split.test))
        explained[QUANTITY.replace("<quantity>", name)] = probes.explained(
            train, values[split.train], test, values[split.test]
        )
    return explained


def _drawn(case: Case, reference: AnyFloats) -> tuple[AnyFloats, AnyFloats]:
    """Rows of the reference, and vectors, of `pairs` pixels that have both."""
    candidates = np.flatnonzero(case.has_vector & is_finite(reference))
    subset: Indices = np.random.default_rng(case.seed).permutation(candidates)
    subset = subset[: case.settings.pairs]
    return reference[subset], case.pixels.vectors[subset]


def _truth_overlap(case: Case) -> dict[str, float]:
    pairs = _drawn(case, np.asarray(case.pixels.truth))
    return {"overlap": neighbourhoods.overlap(*pairs, case.settings.near)}


def _feature_neighbours(case: Case) -> dict[str, float]:
    pairs = _drawn(case, np.asarray(case.pixels.features))
    return {
        "trustworthiness": neighbourhoods.trustworthiness(*pairs, case.settings.near),
        "continuity": neighbourhoods.continuity(*pairs, case.settings.near),
    }


def _across_periods(case: Case) -> dict[str, float]:
    train, classes = case.split.train, case.pixels.classes
    x, held_out = case.pixels.vectors[train], case.periods[1][train.size :]
    by_neighbours = probes.neighbours(x, classes[train], held_out, 3)
    by_regression = probes.linear(x, classes[train], held_out)
    return {
        "cross_period": probes.accuracy(by_neighbours, case.held_out),
        "cross_linear": probes.accuracy(by_regression, case.held_out),
    }


def _subset_periods(case: Case) -> tuple[AnyFloats, AnyFloats]:
    """(`pairs`, d) vectors of both periods."""
    return case.pixels.vectors[case.subset], np.asarray(case.pixels.second_vectors)[case.subset]


def _retrieval(case: Case) -> dict[str, float]:
    return {"retrieval": stability.retrieval(*_subset_periods(case))}


def _stability(case: Case) -> dict[str, float]:
    classes = case.pixels.classes[case.positions]
    return {"stability": stability.against_classes(*case.periods, classes)}


def _period_agreement(case: Case) -> dict[str, float]:
    if case.positions.size < PERIOD_CLUSTERS:
        return {}
    return {"agreement": clusterings.agreement(*case.periods, PERIOD_CLUSTERS, case.seed)}


def _alignment(case: Case) -> dict[str, float]:
    return {"alignment": representation.alignment(*_subset_periods(case))}


def _use_of_space(case: Case) -> dict[str, float]:
    vectors = case.pixels.vectors[case.subset]
    return {
        "uniformity": representation.uniformity(vectors),
        "rankme": representation.rankme(vectors),
    }


MEASURES = (
    Measure(
        names=("knn_1", "knn_3"),
        values=_probes("knn_1", "knn_3"),
        help="share of held-out pixels whose class the nearest vector, or the majority of three, predicts",
    ),
    Measure(
        names=("linear",),
        values=_probes("linear"),
        help="the same by multinomial logistic regression of the standardised vectors",
    ),
    Measure(
        names=("few_knn_1", "few_knn_3", "few_linear"),
        values=_probes("few_knn_1", "few_knn_3", "few_linear"),
        help="the same from `few` labels (500)",
    ),
    Measure(
        names=("nmi", "ari"),
        values=_cluster_agreement,
        help="agreement of the classes with k-means of as many clusters: normalised mutual information, "
        "adjusted Rand index",
    ),
    Measure(
        names=("hdbscan_nmi", "hdbscan_ari"),
        values=_density_agreement,
        help=f"the same with HDBSCAN of {DENSITY_PIXELS} held-out pixels; those of no cluster are one of "
        "their own",
    ),
    Measure(
        names=("far_auc",),
        values=_far_separation,
        help="whether the cosine of two far pixels says if they are of one class: area under the ROC "
        "curve; 0.5: by chance",
    ),
    Measure(
        names=("far_precision",),
        values=_far_precision,
        help=f"share of a pixel's class among the {MOST_SIMILAR} far pixels most similar to it",
    ),
    Measure(
        names=("far_share",),
        values=_far_share,
        help=f"share of far pixels among the {MOST_SIMILAR} most similar, over that among all pixels of "
        "the class",
    ),
    Measure(
        names=("coherence",),
        values=_coherence,
        help="1 minus the squared distance of touching pixels of one class over that of any two pixels; "
        "0: salt and pepper",
        needs=("touching",),
    ),
    Measure(
        names=("cross_period", "cross_linear"),
        values=_across_periods,
        help="three neighbours, or regression, trained in one period; they predict the held-out pixels in "
        "the other",
        needs=("second_vectors",),
    ),
    Measure(
        names=("agreement",),
        values=_period_agreement,
        help="agreement of ten clusters of the pixels in one period with those in the other: adjusted "
        "mutual information; it needs no classes",
        needs=("second_vectors",),
    ),
    Measure(
        names=("retrieval",),
        values=_retrieval,
        help="share of `pairs` pixels whose nearest vector in the other period is their own",
        needs=("second_vectors",),
    ),
    Measure(
        names=("stability",),
        values=_stability,
        help="root mean square distance of a pixel to itself in the other period, over that between the "
        "classes' centres",
        better=Better.LOW,
        needs=("second_vectors",),
    ),
    Measure(
        names=(QUANTITY,),
        values=_explained_variance,
        help="share of the variance of a quantity that ridge regression predicts",
    ),
    Measure(
        names=("overlap",),
        values=_truth_overlap,
        help="share of the `near` nearest pixels in all quantities that are so among the vectors too",
        needs=("truth",),
    ),
    Measure(
        names=("trustworthiness", "continuity"),
        values=_feature_neighbours,
        help="agreement of the neighbours among the vectors with those in the sampled features, and the "
        "reverse",
        needs=("features",),
    ),
    Measure(
        names=("alignment",),
        values=_alignment,
        help="mean squared distance of the two periods of a pixel on the unit sphere",
        better=Better.NEITHER,
        needs=("second_vectors",),
    ),
    Measure(
        names=("uniformity", "rankme"),
        values=_use_of_space,
        help="how evenly the vectors fill the unit sphere, and the number of dimensions that they use",
        better=Better.NEITHER,
    ),
)
"""Every measure, in the order of tables."""
