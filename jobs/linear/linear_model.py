"""What the jobs of linear models share: the features they read, the model they store, the scores.

A group `<job>.zarr` holds `scores` (pixel, component) float32, NaN where a pixel has no value at all,
and the model, float64. Of each feature: `low` and `high`, beyond which it is cut off, `mean` and
`scale`, in its unit. `projection` (component, feature): scores = projection (x - mean) / scale. For
missing values: `components` (component, feature), principal, orthonormal, with their
`explained_variance` and its ratio to the variance of all features. The first `filling` of them impute;
`noise` is the variance of a feature that these do not explain, in the mean.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

import lake
from jobs.features import features, static
from jobs.features.features import Feature, FeatureSelection
from jobs.features.scaling import Scaling
from jobs.linear import components
from jobs.linear.components import LinearModel
from jobs.linear.gram import one_thread
from jobs.runs import heartbeat, outputs, records
from jobs.runs.stages import ActiveRun, pack, unpack
from jobs.sampling import sample
from lake.errors import ConfigError, MissingError
from lake.format import order, schema
from lake.format.arrays import Floats, Singles
from lake.format.schema import Array
from lake.reading.store import Store

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

BLOCK_BYTES = 128 << 20
"""Bytes of features that are read at a time; one inner chunk at least."""

_DIMS = {
    **dict.fromkeys(Scaling.__slots__, ("feature",)),
    "components": ("component", "feature"),
    "explained_variance": ("component",),
    "explained_variance_ratio": ("component",),
    "projection": ("component", "feature"),
    "filling": (),
    "noise": (),
}


@dataclass(frozen=True, slots=True)
class FeatureSource:
    """Where features are read: a store, and a selection of its features."""

    url: str
    selection: FeatureSelection
    """Resolved; it holds the features of the model, and may hold more."""


def count(work: ActiveRun, asked: int, sample_run: str, names: Sequence[str]) -> int:
    """The number of components, at most that of features; what is dropped, and that it shrinks, is said.

    Args:
        work: the run.
        asked: number of components that the settings ask for.
        sample_run: run of the sample whose features are taken.
        names: of the features that are left.
    """
    if text := sample.dropped(work.root, sample_run):
        work.say(f"{text}; see 'reason' in the Zarr of {sample_run}")
    if asked > len(names):
        work.say(f"components={asked} became {len(names)}: there are as many features")
    return min(asked, len(names))


def feature_source(store: Store, names: Sequence[str], *, suspect: bool) -> FeatureSource:
    """Where features of these names are read in a store.

    Args:
        store: one that has them.
        names: of features.
        suspect: whether to take statistics of metrics that may be wrong.

    Raises:
        ConfigError: the store lacks one.
    """
    parsed = [Feature.parse(name) for name in names]
    rows = [row for row in parsed if row.cube != static.CUBE]
    known = (row.band for row in parsed if row.cube == static.CUBE)
    months = {row.month for row in parsed}
    tods = (row.tod for row in parsed if row.month)  # static features of all times have month 0
    statistics = tuple(dict.fromkeys(row.statistic for row in rows))
    separate = any(row.subpixel is not None for row in rows)
    selection = FeatureSelection(
        tuple(dict.fromkeys(row.cube for row in rows)),
        tuple(month for month in store.months if month in months),
        tuple(dict.fromkeys(tods)),
        tuple(dict.fromkeys(row.band for row in rows)),
        statistics if suspect else features.trusted_statistics(statistics, store),
        features.SEPARATE if separate else features.MERGED,
        tuple(dict.fromkeys(known)),
    )
    available = {str(feature) for feature in features.columns(selection, store.cubes.values())}
    if absent := [name for name in names if name not in available]:
        raise ConfigError(
            f"{store.key} lacks {len(absent)} of the {len(names)} features of the model, the first "
            f"{absent[0]!r}: it holds months {store.months} of cubes {', '.join(store.cubes)}, "
            f"suspect metrics {store.suspect}; fit a model on features that both stores have, by a "
            "sample with '--set months=...', 'cubes=...', 'statistics=...'"
        )
    return FeatureSource(store.url, selection)


def blocks(
    root: str, run: str, source: FeatureSource, names: list[str], pixels: slice
) -> Iterator[Singles]:
    """On a worker: read features (feature, pixel) by name, in blocks that may be overwritten.

    Raises:
        StoppedError: the run was asked to stop.
    """
    store = lake.open(source.url)
    columns = [str(column) for column in features.columns(source.selection, store.cubes.values())]
    row_by_name = {name: row for row, name in enumerate(columns)}
    rows = [row_by_name[name] for name in names]
    chunk = store.domain.layout.chunk
    size = max(BLOCK_BYTES // (4 * len(columns) * chunk), 1) * chunk
    for first in range(pixels.start, pixels.stop, size):
        heartbeat.check(root, run)
        piece = slice(first, min(first + size, pixels.stop))
        x = features.read(store, source.selection, piece)
        yield x if columns == names else x[rows]


def arrays(store: Store, count: int, names: Sequence[str]) -> Iterator[Array]:
    """The arrays of a job that fits a model and scores the pixels of a store."""
    sizes = {"component": count, "feature": len(names)}
    yield from score_arrays(store, count)
    yield outputs.whole_array("feature", ("feature",), names)
    for name, dims in _DIMS.items():
        yield outputs.whole_array(name, dims, np.full([sizes[dim] for dim in dims], np.nan))


def score_arrays(store: Store, count: int) -> Iterator[Array]:
    """The arrays of the pixels and their scores."""
    yield from schema.pixel_coordinates(store.domain)
    yield outputs.whole_array("component", ("component",), np.arange(count))
    yield outputs.pixel_array("scores", store, {"component": count}, "float32", np.nan)


def write(root: str, run: str, model: LinearModel) -> None:
    """On a worker: store the model."""
    write_scaling(root, run, model.scaling)
    values: dict[str, ArrayLike] = {
        "components": model.components,
        "explained_variance": model.variance,
        "explained_variance_ratio": model.variance / model.total,
        "projection": model.projection,
        "filling": model.filling,
        "noise": model.noise,
    }
    for name, value in values.items():
        outputs.write(root, run, name, value)


def write_scaling(root: str, run: str, scaling: Scaling) -> None:
    """On a worker: store how features are standardised."""
    for name, value in pack(scaling).items():
        outputs.write(root, run, name, value)


def scaling(root: str, run: str) -> Scaling:
    """How a run standardises features."""
    return unpack(Scaling, {name: outputs.read(root, run, name) for name in Scaling.__slots__})


def read(root: str, run: str) -> LinearModel:
    """The model of a run."""
    stored = {name: outputs.read(root, run, name) for name in _DIMS}
    variance, ratio = stored["explained_variance"], stored["explained_variance_ratio"]
    total = float(variance[0] / ratio[0])
    filling, noise = int(stored["filling"]), float(stored["noise"])
    vectors, projection = stored["components"], stored["projection"]
    return LinearModel(
        unpack(Scaling, stored), vectors, variance, total, projection, filling, noise
    )


def model_source(root: str, store: Store, model: str) -> FeatureSource:
    """Where the features of a run's model, linear or an embedding of features, are read in a store."""
    names = list(outputs.read(root, model, "feature"))
    try:
        sample_run = records.ancestor(root, model, sample.JOB)
    except MissingError:  # features of its own selection, which leaves suspect metrics out
        return feature_source(store, names, suspect=False)
    return feature_source(store, names, suspect=sample.takes_suspect(root, sample_run))


def apply(work: ActiveRun, model: str) -> Sequence[str]:
    """Score all pixels of another store by the model of a run, for `lake transform`."""
    count = outputs.read(work.root, model, "component").size
    arrays = score_arrays(work.store, count)
    path = outputs.create(work.objects, work.spec, arrays, schema.PIXEL_COORDINATES)
    score(work, model_source(work.root, work.store, model), model)
    return [path]


def score(
    work: ActiveRun, source: FeatureSource, model: str, task: Callable[..., None] | None = None
) -> None:
    """Score all pixels of the run's first store, by the model of a run.

    Args:
        work: the run.
        source: where the features of the store are read.
        model: the run whose model it is.
        task: what a worker calls with `source`, `model` and the pixels of a superblock; None: writes scores.
    """
    domain = work.store.domain
    pixels = order.superblocks(domain.pixels, domain.layout)
    pixel_bytes = 4 * outputs.read(work.root, model, "mean").size
    sizes = [pixel_bytes * (block.stop - block.start) for block in pixels]
    work.stage("score", task or _score, [(source, model, block) for block in pixels], sizes)


@one_thread()
def _score(root: str, run: str, source: FeatureSource, model_run: str, pixels: slice) -> None:
    """On a worker: write the scores of a superblock."""
    scores = block_scores(root, run, source, model_run, pixels)
    outputs.write(root, run, "scores", scores, pixels)


def block_scores(
    root: str,
    run: str,
    source: FeatureSource,
    model_run: str,
    pixels: slice,
    *more: Floats,
) -> Singles:
    """On a worker: (pixel, score) of consecutive pixels, by the model of a run.

    Args:
        root: folder or URL of the lake.
        run: that computes them.
        source: where the features are read.
        model_run: the run whose model it is.
        pixels: of a superblock.
        more: further projections (score, feature), whose scores follow those of the model.
    """
    model, names = read(root, model_run), outputs.read(root, model_run, "feature")
    model = replace(model, projection=np.concatenate([model.projection, *more]))
    check = partial(heartbeat.check, root, run)
    pieces = blocks(root, run, source, list(names), pixels)
    return np.concatenate([components.scores(x, model, check) for x in pieces])
