"""What the jobs of linear models share: the features they read, the model they store, the scores.

A group `<job>.zarr` holds `scores` (pixel, component) float32, NaN where a pixel has no value at all,
and the model, float64: of each feature `low` and `high`, beyond which it is cut off, `mean` and
`scale`, in its unit; `projection` (component, feature): scores = projection (x - mean) / scale; and
what fills in holes: `components` (component, feature), principal, orthonormal, with their
`explained_variance` and its ratio to the variance of all features; the first `filling` of them do, and
leave `noise`, the variance of a feature in the mean.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

import lake
from jobs.features import features
from jobs.features.features import Feature, Selection
from jobs.features.scaling import Scaling
from jobs.linear import components
from jobs.linear.components import Model
from jobs.linear.gram import one_thread
from jobs.runs import heartbeat, outputs, records
from jobs.runs.stages import ActiveRun, pack, unpack
from jobs.sampling import sample
from lake.errors import ConfigError
from lake.format import order, schema
from lake.format.arrays import Singles
from lake.format.schema import Array
from lake.reading.store import Store

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

BLOCK_BYTES = 128 << 20
"""Of the features read at a time; one inner chunk at least."""

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
class Source:
    """What features are read from."""

    url: str
    selection: Selection
    """Settled; it holds the features wanted, and may hold more."""


def source(store: Store, names: Sequence[str], *, suspect: bool) -> Source:
    """Where features of these names are read in a store.

    Args:
        store: any that has them.
        names: of features.
        suspect: whether to take statistics of metrics that may be wrong.

    Raises:
        ConfigError: the store lacks one.
    """
    wanted = [Feature.of(name) for name in names]
    months = {of.month for of in wanted}
    statistics = tuple(dict.fromkeys(of.statistic for of in wanted))
    separate = any(of.subpixel is not None for of in wanted)
    selection = Selection(
        tuple({of.cube: None for of in wanted}),
        tuple(month for month in store.months if month in months),
        tuple({of.tod: None for of in wanted}),
        tuple({of.band: None for of in wanted}),
        statistics if suspect else features.trusted(statistics, store),
        features.SEPARATE if separate else features.MERGED,
    )
    found = {str(feature) for feature in features.columns(selection, store.cubes.values())}
    if lacking := [name for name in names if name not in found]:
        raise ConfigError(
            f"{store.key} lacks {len(lacking)} of the {len(names)} features of the model, the first "
            f"{lacking[0]!r}: it holds months {store.months} of cubes {', '.join(store.cubes)}, "
            f"suspect metrics {store.suspect}; fit a model on features that both stores have, by a "
            "sample with '--set months=...', 'cubes=...', 'statistics=...'"
        )
    return Source(store.url, selection)


def blocks(
    root: str, run: str, source: Source, names: list[str], pixels: slice
) -> Iterator[Singles]:
    """On a worker: features (feature, pixel) by name, some pixels at a time, free to be overwritten.

    Raises:
        StoppedError: the run was asked to stop.
    """
    store = lake.open(source.url)
    found = [str(of) for of in features.columns(source.selection, store.cubes.values())]
    place = {name: row for row, name in enumerate(found)}
    rows = [place[name] for name in names]
    chunk = store.domain.layout.chunk
    size = max(BLOCK_BYTES // (4 * len(found) * chunk), 1) * chunk
    for first in range(pixels.start, pixels.stop, size):
        heartbeat.check(root, run)
        piece = slice(first, min(first + size, pixels.stop))
        x = features.read(store, source.selection, piece)
        yield x if found == names else x[rows]


def arrays(store: Store, count: int, names: Sequence[str]) -> Iterator[Array]:
    """Of the group of a job that fits a model and scores a store's pixels with it."""
    sizes = {"component": count, "feature": len(names)}
    yield from score_arrays(store, count)
    yield outputs.whole_array("feature", ("feature",), names)
    for name, dims in _DIMS.items():
        yield outputs.whole_array(name, dims, np.full([sizes[dim] for dim in dims], np.nan))


def score_arrays(store: Store, count: int) -> Iterator[Array]:
    """The pixels and their scores."""
    yield from schema.pixel_coordinates(store.domain)
    yield outputs.whole_array("component", ("component",), np.arange(count))
    yield outputs.pixel_array("scores", store, {"component": count}, "float32", np.nan)


def write(root: str, run: str, model: Model) -> None:
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


def write_scaling(root: str, run: str, of: Scaling) -> None:
    """On a worker: store how features are standardised."""
    for name, value in pack(of).items():
        outputs.write(root, run, name, value)


def scaling(root: str, run: str) -> Scaling:
    """How features are standardised by a run."""
    return unpack(Scaling, {name: outputs.read(root, run, name) for name in Scaling.__slots__})


def read(root: str, run: str) -> Model:
    """The model of a run."""
    found = {name: outputs.read(root, run, name) for name in _DIMS}
    variance, ratio = found["explained_variance"], found["explained_variance_ratio"]
    total = float(variance[0] / ratio[0])
    fill_by, noise = int(found["filling"]), float(found["noise"])
    vectors, projection = found["components"], found["projection"]
    return Model(unpack(Scaling, found), vectors, variance, total, projection, fill_by, noise)


def source_of(root: str, store: Store, model: str) -> Source:
    """Where the features of a linear model, or those of an embedding without one, are read in a store."""
    names = list(outputs.read(root, model, "feature"))
    drawn = records.ancestor(root, model, sample.JOB)
    return source(store, names, suspect=sample.suspect(root, drawn))


def apply(work: ActiveRun, model: str) -> Sequence[str]:
    """Score all pixels of another store by the model of a run, for `lake transform`."""
    count = outputs.read(work.root, model, "component").size
    arrays = score_arrays(work.store, count)
    path = outputs.create(work.objects, work.spec, arrays, schema.PIXEL_COORDINATES)
    score(work, source_of(work.root, work.store, model), model)
    return [path]


def score(work: ActiveRun, source: Source, model: str) -> None:
    """Score all pixels of the run's first store, by the model of a run."""
    domain = work.store.domain
    pixels = order.superblocks(domain.pixels, domain.layout)
    through = 4 * outputs.read(work.root, model, "mean").size  # bytes of a pixel
    sizes = [through * (block.stop - block.start) for block in pixels]
    work.stage("score", _score, [(source, model, block) for block in pixels], sizes)


@one_thread()
def _score(root: str, run: str, source: Source, model_run: str, pixels: slice) -> None:
    """On a worker: the scores of a superblock."""
    model, names = read(root, model_run), outputs.read(root, model_run, "feature")
    check = partial(heartbeat.check, root, run)
    pieces = blocks(root, run, source, list(names), pixels)
    found = [components.scores(x, model, check) for x in pieces]
    outputs.write(root, run, "scores", np.concatenate(found), pixels)
