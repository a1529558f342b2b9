"""`lake evaluate`: how well the vectors of a run predict the known classes and quantities of pixels.

Vectors are any array (pixel, d) of a run: scores of pca, mnf, gcca or transform, or an embedding. Vectors of
a second run may be compared: by the same model, of another period. `jobs.evaluation.measures` defines the
measures, and `MeasureSettings` the number of pixels. Every seed moves the checkerboard and draws anew.

The run's folder gets `evaluate.json` (the runs that were compared; mean and spread of each measure over
seeds; results of each class), `evaluate.parquet` (a row for each measure and seed), and pictures with
their list, `pictures.json`.
"""

import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

import lake
from jobs.evaluation import evidence, measures
from jobs.evaluation.cases import MeasureSettings
from jobs.evaluation.evidence import EvidenceSettings, EvidenceSource
from jobs.features import labels, texture
from jobs.figures import captioned_maps, charts, gallery, principal_axes
from jobs.figures.captioned_maps import Place
from jobs.figures.gallery import Picture
from jobs.linear.gram import one_thread
from jobs.runs import heartbeat, outputs, records
from jobs.runs.settings import check
from jobs.runs.spec import Spec
from jobs.runs.stages import ActiveRun, Arrays, task_result
from lake.console.messages import table
from lake.errors import ConfigError
from lake.format import order
from lake.plot import headings, views
from lake.reading import classes as land_classes
from lake.reading.store import Store

JOB = "evaluate"
RUN, OTHER = "run", "other"
"""Names of the run's inputs, which are those of their settings."""
MEASURES, TABLE = "evaluate.json", "evaluate.parquet"
MIDDLE_PIXELS = 3
"""Number of pixels whose neighbours are drawn, where the settings choose none."""


@dataclass(frozen=True, slots=True)
class Settings(EvidenceSettings):
    """The settings of `lake evaluate`."""

    other: str = ""
    """Run by the same model, of another period of the same pixels; empty: one period is measured."""
    quantities: tuple[str, ...] = ()
    """Columns of the table that regression predicts; together they are the truth of `overlap`."""
    first: int = 0
    """Number of the d columns that are taken, from the first; 0: all."""
    seeds: int = 3
    """Number of seeds; each moves the checkerboard and draws pixels anew."""
    patterns: bool = True
    """Whether to measure how well the patterns of subpixels are predicted, where the store has some."""
    chosen: tuple[int, ...] = ()
    """Pixels whose neighbours are drawn; empty: the middle pixels of the largest classes."""
    how: MeasureSettings = field(default_factory=MeasureSettings)

    def __post_init__(self) -> None:
        check("seeds must be above 0", self.seeds, holds=self.seeds > 0)
        check("first must be 0 or more", self.first, holds=self.first >= 0)


def specs(root: str, store: Store, settings: Settings) -> tuple[Spec, ...]:
    """The run that measures.

    Raises:
        ConfigError: no run or labels, two models, runs of other pixels, or a column that is not there.
        MissingError: no such run or file, or a run that is not complete.
        DataError: labels that do not match the pixels.
    """
    settings = evidence.resolve(root, store, settings, JOB)
    stores, inputs = [store], {RUN: settings.run}
    if settings.other:
        stores.append(_second(root, store, settings))
        inputs[OTHER] = settings.other
        outputs.vectors_of(root, settings.other, settings.array)
    labels.quantities(settings.labels, settings.sha256, store, settings.quantities)
    outside = [pixel for pixel in settings.chosen if not 0 <= pixel < store.domain.pixels]
    check(f"chosen must be 0 to {store.domain.pixels - 1}", settings.chosen, holds=not outside)
    return (records.spec_of(root, settings, JOB, tuple(stores), inputs, without=inputs),)


def make(work: ActiveRun) -> Sequence[str]:
    """Measure, then draw."""
    settings, store = work.settings(Settings), work.store
    run, second_run = work.spec.inputs[RUN], work.spec.inputs.get(OTHER, "")
    blocks = _pattern_blocks(store, settings)
    source = EvidenceSource(
        run, second_run, settings.array, settings.first, evidence.sampled(work.root, run),
        settings.labels, settings.sha256, settings.column, settings.quantities, settings.how,
    )  # fmt: skip
    work.stage("patterns", _patterns, [(store.url, block) for block in blocks])
    work.stage(
        "measure",
        _measure,
        [(source, store.url, seed, len(blocks)) for seed in range(settings.seeds)],
    )
    work.stage("axes", _axes, [(source, store.url, settings.chosen)])
    domain = store.domain
    everywhere = order.superblocks(domain.pixels, domain.layout)
    work.stage("view", _view, [(source, block) for block in everywhere])
    label_table = labels.classes(settings.labels, settings.sha256, store, settings.column)
    measured = [work.result("measure", seed) for seed in range(settings.seeds)]
    classes = _classes(label_table.names, measured)
    document = _document(work, classes, measured)
    work.objects.put(MEASURES, json.dumps(document, indent=1).encode())
    work.objects.put(TABLE, _table(work.run, measured))
    return [MEASURES, TABLE, *gallery.store_list(work, _draw(work, classes, len(everywhere)))]


def results(root: str, run: str) -> dict[str, Any]:
    """The results of a complete run: its `evaluate.json`."""
    document: dict[str, Any] = json.loads(records.folder(root, run).get(MEASURES))
    return document


def summary(root: str, run: str) -> str:
    """The measures of a complete run, as a table."""
    measures = results(root, run)["measures"]
    rows = [
        [name, f"{statistics['mean']:.3f}", f"{statistics['spread']:.3f}"]
        for name, statistics in measures.items()
    ]
    return table(["measure", "mean", "spread"], rows)


def _second(root: str, store: Store, settings: Settings) -> Store:
    """The store of the second run; refused where the two runs cannot be compared."""
    spec = records.finished_spec(root, settings.other)
    models = [evidence.model_of(root, run) for run in (settings.run, settings.other)]
    if models[0] != models[1]:
        raise ConfigError(
            f"vectors of two models are not compared: {settings.run} is by {models[0]}, "
            f"{settings.other} by {models[1]}; 'lake transform {spec.store} --set "
            f"run={models[0]}' makes those of the other period"
        )
    second = records.open_input(root, spec.stores[0])
    records.check_pixels(second, store)
    return second


def _pattern_blocks(store: Store, settings: Settings) -> list[slice]:
    """The pixels of one phase in evenly spread superblocks, as many superblocks as `most` pixels need."""
    if not settings.patterns or not texture.fine_cubes(store):
        return []
    domain = store.domain
    pieces = [
        piece
        for piece in order.phase_slices(domain.pixels, domain.layout, 0)
        if piece.stop > piece.start
    ]
    count = min(len(pieces), max(settings.how.most // domain.layout.chunk, 1))
    return [pieces[i] for i in np.linspace(0, len(pieces) - 1, count).astype(int)]


def _patterns(root: str, run: str, url: str, pixels: slice) -> Arrays:
    """On a worker: read the patterns of subpixels of some pixels."""
    heartbeat.check(root, run)
    return {"pixel": np.arange(pixels.start, pixels.stop),
            "patterns": texture.patterns(lake.open(url), pixels)}  # fmt: skip


def _measure(
    root: str, run: str, source: EvidenceSource, url: str, seed: int, tasks: int
) -> Arrays:
    """On a worker: compute all measures with one seed."""
    heartbeat.check(root, run)
    patterns = (task_result(root, run, "patterns", number) for number in range(tasks))
    _, pixels = evidence.pixels(root, source, lake.open(url), seed, patterns)
    measurement = measures.measure(pixels, source.measure_settings, seed)
    arrays = {
        "names": np.array(list(measurement.values)),
        "values": np.array(list(measurement.values.values())),
        "confusion": measurement.confusion,
    }
    return arrays if measurement.moved is None else arrays | {"moved": measurement.moved}


@one_thread()
def _axes(
    root: str, run: str, source: EvidenceSource, url: str, asked_pixels: Sequence[int]
) -> Arrays:
    """On a worker: principal axes; and the pixels whose neighbours are drawn, with their vectors."""
    heartbeat.check(root, run)
    positions, pixels = evidence.pixels(root, source, lake.open(url), 0)
    has_vector = np.isfinite(pixels.vectors).all(axis=1)
    x = pixels.vectors[has_vector].astype(np.float64)
    mean, axes, shares = principal_axes.axes([(len(x), x.sum(axis=0), x.T @ x)])
    chosen_pixels = np.unique(
        asked_pixels or positions[has_vector][_middle(x, pixels.classes[has_vector])]
    ).astype(np.int64)
    vectors = source.vectors(root, source.run, chosen_pixels)
    return {
        "mean": mean,
        "axes": axes,
        "shares": shares,
        "chosen": chosen_pixels,
        "vectors": vectors,
    }


def _middle(x: NDArray[np.float64], classes: NDArray[np.integer]) -> list[int]:
    """Rows of the pixels nearest to the centres of the largest classes, one each."""
    size = np.bincount(classes[classes >= 0])
    middles = []
    for largest in np.argsort(-size, kind="stable")[:MIDDLE_PIXELS]:
        members = np.flatnonzero(classes == largest)
        distances = (
            ((x[members] - x[members].mean(axis=0)) ** 2).sum(axis=1)
            if members.size
            else np.zeros(0)
        )
        middles += [int(members[distances.argmin()])] if members.size else []
    return middles


def _view(root: str, run: str, source: EvidenceSource, pixels: slice) -> Arrays:
    """On a worker: (p, 3) first axes of a superblock, and (p, n) distances to the chosen pixels."""
    heartbeat.check(root, run)
    principal = task_result(root, run, "axes", 0)
    x = source.vectors(root, source.run, pixels).astype(np.float64)
    distances = [
        np.sqrt(((x - vector) ** 2).sum(axis=1))
        for vector in principal["vectors"].astype(np.float64)
    ]
    return {
        "axes": (x - principal["mean"]) @ principal["axes"],
        "distance": np.stack(distances, axis=1),
    }


@dataclass(frozen=True, slots=True, eq=False)
class _ClassResults:
    """The results of each class over all seeds."""

    names: Sequence[str]
    confusion: NDArray[np.int64]
    """(class, class) held-out pixels by true class (rows) and predicted class."""
    moved: NDArray[np.float64] | None
    """(class,) distance that its pixels move between periods: `stability.by_class`; None: one period."""


def _classes(names: Sequence[str], measured: Sequence[Arrays]) -> _ClassResults:
    return _ClassResults(names, _confusion(measured, len(names)), _moved(measured, len(names)))


def _document(
    work: ActiveRun, classes: _ClassResults, measured: Sequence[Arrays]
) -> dict[str, Any]:
    settings = work.settings(Settings)
    by_seed = [
        dict(zip(arrays["names"].tolist(), arrays["values"].tolist(), strict=True))
        for arrays in measured
    ]
    summary = measures.summary(by_seed)
    for name, statistics in summary.items():
        statistics["values"] = [values[name] for values in by_seed]  # type: ignore[assignment]
    held_out, moved = classes.confusion.sum(axis=1), classes.moved
    right = np.diag(classes.confusion) / np.maximum(held_out, 1)
    return {
        "run": work.spec.inputs[RUN],
        "other": work.spec.inputs.get(OTHER),
        "model": evidence.model_of(work.root, work.spec.inputs[RUN]),
        "stores": [asdict(store) for store in work.spec.stores],
        "labels": {"url": settings.labels, "sha256": settings.sha256, "column": settings.column},
        "measures": summary,
        "classes": [
            {
                "name": name,
                "held_out": int(held_out[i]),
                "accuracy": float(right[i]) if held_out[i] else None,
                "moved": None if moved is None or np.isnan(moved[i]) else float(moved[i]),
            }
            for i, name in enumerate(classes.names)
        ],
    }


def _confusion(measured: Sequence[Arrays], count: int) -> NDArray[np.int64]:
    """(class, class) counts, summed over all seeds."""
    total = np.zeros((count, count), np.int64)
    for arrays in measured:
        size = len(arrays["confusion"])
        total[:size, :size] += arrays["confusion"]
    return total


def _moved(measured: Sequence[Arrays], count: int) -> NDArray[np.float64] | None:
    """(class,) mean distance moved, over the seeds that have pixels of a class; NaN: no seed has any."""
    if "moved" not in measured[0]:
        return None
    by_seed = np.full((len(measured), count), np.nan)
    for row, arrays in zip(by_seed, measured, strict=True):
        row[: len(arrays["moved"])] = arrays["moved"]
    has_value = np.isfinite(by_seed)
    total = np.where(has_value, by_seed, 0).sum(axis=0)
    return np.where(has_value.any(axis=0), total / np.maximum(has_value.sum(axis=0), 1), np.nan)


def _table(run: str, measured: Sequence[Arrays]) -> bytes:
    """A Parquet file with a row for each measure and seed."""
    rows = [
        {"run": run, "measure": name, "seed": seed, "value": value}
        for seed, arrays in enumerate(measured)
        for name, value in zip(arrays["names"].tolist(), arrays["values"].tolist(), strict=True)
    ]
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), buffer, compression="zstd")
    return buffer.getvalue()


def _draw(work: ActiveRun, classes: _ClassResults, blocks: int) -> list[Picture]:
    """Draw all pictures, and store them."""
    store, principal = work.store, work.result("axes", 0)
    tiles = [work.result("view", number) for number in range(blocks)]
    axes = np.concatenate([arrays["axes"] for arrays in tiles])
    distance = np.concatenate([arrays["distance"] for arrays in tiles])
    place = Place(headings.named(store), store.domain, views.around(store.domain))
    names = [each.name for each in land_classes.defaults(classes.names)]
    figures = {
        "embedding": captioned_maps.embedding(
            place, axes, principal["shares"].tolist(), principal["mean"].size
        ),
        "confusion": charts.confusion(place.key, classes.confusion, names),
    }
    if classes.moved is not None:
        figures["stability"] = charts.stability(place.key, classes.moved, names)
    for column, pixel in enumerate(principal["chosen"].tolist()):
        figures[f"neighbours-{pixel}"] = captioned_maps.neighbours(
            place, distance[:, column], pixel
        )
    return [gallery.store_picture(work, name, figure) for name, figure in figures.items()]
