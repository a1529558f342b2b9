"""`lake evaluate`: how well the vectors of a run tell what is known of the pixels.

Vectors are any array (pixel, d) of a run: scores of pca, mnf or transform, an embedding. Those of a
second run may come beside it, by the same model, of another period. What is measured is in
`jobs.evaluation.measures`; of how many pixels, `How` says. Each seed is another place of the checkerboard and
another draw.

In the run's folder: `evaluate.json` (measures with mean and spread over seeds, classes, what was
compared), `evaluate.parquet` (a row a measure and seed), and the pictures of `pictures.json`.
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
from jobs.evaluation.evidence import Evidence, Known
from jobs.evaluation.measures import How
from jobs.features import labels, texture
from jobs.figures import captioned, charts, gallery, principal_axes
from jobs.figures.captioned import Place
from jobs.figures.gallery import Picture
from jobs.linear.gram import one_thread
from jobs.runs import heartbeat, records
from jobs.runs.records import Spec
from jobs.runs.settings import check
from jobs.runs.stages import Arrays, Work, partial
from lake.console.messages import table
from lake.errors import ConfigError
from lake.format import order
from lake.plot import view
from lake.reading.store import Store

JOB = "evaluate"
RUN, OTHER = "run", "other"
"""Inputs, by the name of their setting."""
MEASURES, TABLE = "evaluate.json", "evaluate.parquet"
SHOWN = 3
"""Pixels whose neighbours are drawn, if none are chosen."""


@dataclass(frozen=True, slots=True)
class Settings(Known):
    """Of `lake evaluate`."""

    other: str = ""
    """A run by the same model, of another period of the same pixels; none: one period."""
    quantities: tuple[str, ...] = ()
    """Columns of the table that regression is to tell; together they are the truth of `overlap`."""
    first: int = 0
    """How many of the d numbers are taken, from the first; 0: all."""
    seeds: int = 3
    patterns: bool = True
    """Whether to measure how well the patterns of subpixels are told, where the store has some."""
    chosen: tuple[int, ...] = ()
    """Pixels whose neighbours are drawn; none: the middle ones of the largest classes."""
    how: How = field(default_factory=How)

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
    settings = evidence.settled(root, store, settings, JOB)
    stores, inputs = [store], {RUN: settings.run}
    if settings.other:
        stores.append(_second(root, store, settings))
        inputs[OTHER] = settings.other
        evidence.vectors_of(root, settings.other, settings.array)
    labels.quantities(settings.labels, settings.sha256, store, settings.quantities)
    outside = [of for of in settings.chosen if not 0 <= of < store.domain.pixels]
    check(f"chosen must be 0 to {store.domain.pixels - 1}", settings.chosen, holds=not outside)
    return (records.spec_of(root, settings, JOB, tuple(stores), inputs, without=inputs),)


def make(work: Work) -> Sequence[str]:
    """Measure, then draw."""
    settings, store = work.settings(Settings), work.store
    run, other = work.spec.inputs[RUN], work.spec.inputs.get(OTHER, "")
    blocks = _pattern_blocks(store, settings)
    of = Evidence(
        run, other, settings.array, settings.first, evidence.sampled(work.root, run),
        settings.labels, settings.sha256, settings.column, settings.quantities, settings.how,
    )  # fmt: skip
    work.stage("patterns", _patterns, [(store.url, block) for block in blocks])
    work.stage(
        "measure", _measure, [(of, store.url, seed, len(blocks)) for seed in range(settings.seeds)]
    )
    work.stage("axes", _axes, [(of, store.url, settings.chosen)])
    domain = store.domain
    everywhere = order.superblocks(domain.pixels, domain.layout)
    work.stage("view", _view, [(of, block) for block in everywhere])
    known = labels.classes(settings.labels, settings.sha256, store, settings.column)
    found = [work.partial("measure", seed) for seed in range(settings.seeds)]
    classes = _classes(known.names, found)
    document = _document(work, classes, found)
    work.objects.put(MEASURES, json.dumps(document, indent=1).encode())
    work.objects.put(TABLE, _table(work.run, found))
    return [MEASURES, TABLE, *gallery.listed(work, _draw(work, classes, len(everywhere)))]


def told(root: str, run: str) -> dict[str, Any]:
    """What a complete run found: `evaluate.json`."""
    found: dict[str, Any] = json.loads(records.folder(root, run).get(MEASURES))
    return found


def summary(root: str, run: str) -> str:
    """The measures of a complete run, as a table."""
    measures = told(root, run)["measures"]
    rows = [[name, f"{of['mean']:.3f}", f"{of['spread']:.3f}"] for name, of in measures.items()]
    return table(["measure", "mean", "spread"], rows)


def _second(root: str, store: Store, settings: Settings) -> Store:
    """The store of the other run, if the two can be compared."""
    spec = records.complete(root, settings.other)
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
    """One phase of superblocks spread evenly over the store, as many as `most` pixels need."""
    if not settings.patterns or not texture.fine(store):
        return []
    domain = store.domain
    runs_ = [of for of in order.phase_slices(domain.pixels, domain.layout, 0) if of.stop > of.start]
    wanted = min(len(runs_), max(settings.how.most // domain.layout.chunk, 1))
    return [runs_[i] for i in np.linspace(0, len(runs_) - 1, wanted).astype(int)]


def _patterns(root: str, run: str, url: str, pixels: slice) -> Arrays:
    """On a worker: patterns of subpixels of some pixels."""
    heartbeat.check(root, run)
    return {"pixel": np.arange(pixels.start, pixels.stop),
            "patterns": texture.patterns(lake.open(url), pixels)}  # fmt: skip


def _measure(root: str, run: str, of: Evidence, url: str, seed: int, parts: int) -> Arrays:
    """On a worker: all measures, of one seed."""
    heartbeat.check(root, run)
    seen = (partial(root, run, "patterns", number) for number in range(parts))
    _, pixels = evidence.pixels(root, of, lake.open(url), seed, seen)
    found = measures.measure(pixels, of.how, seed)
    arrays = {
        "names": np.array(list(found.values)),
        "values": np.array(list(found.values.values())),
        "confusion": found.confusion,
    }
    return arrays if found.moved is None else arrays | {"moved": found.moved}


@one_thread()
def _axes(root: str, run: str, of: Evidence, url: str, chosen: Sequence[int]) -> Arrays:
    """On a worker: principal axes, and the pixels whose neighbours are shown, with their vectors."""
    heartbeat.check(root, run)
    drawn, pixels = evidence.pixels(root, of, lake.open(url), 0)
    there = np.isfinite(pixels.vectors).all(axis=1)
    x = pixels.vectors[there].astype(np.float64)
    mean, axes, shares = principal_axes.axes([(len(x), x.sum(axis=0), x.T @ x)])
    shown = np.unique(chosen or drawn[there][_middle(x, pixels.classes[there])]).astype(np.int64)
    vectors = of.vectors(root, of.run, shown)
    return {"mean": mean, "axes": axes, "shares": shares, "chosen": shown, "vectors": vectors}


def _middle(x: NDArray[np.float64], classes: NDArray[np.integer]) -> list[int]:
    """Of each of the largest classes the pixel nearest to its centre."""
    size = np.bincount(classes[classes >= 0])
    found = []
    for largest in np.argsort(-size, kind="stable")[:SHOWN]:
        held = np.flatnonzero(classes == largest)
        away = ((x[held] - x[held].mean(axis=0)) ** 2).sum(axis=1) if held.size else np.zeros(0)
        found += [int(held[away.argmin()])] if held.size else []
    return found


def _view(root: str, run: str, of: Evidence, pixels: slice) -> Arrays:
    """On a worker: of a superblock, the first axes (p, 3), and distances to the pixels shown (p, n)."""
    heartbeat.check(root, run)
    made = partial(root, run, "axes", 0)
    x = of.vectors(root, of.run, pixels).astype(np.float64)
    away = [np.sqrt(((x - one) ** 2).sum(axis=1)) for one in made["vectors"].astype(np.float64)]
    return {"axes": (x - made["mean"]) @ made["axes"], "distance": np.stack(away, axis=1)}


@dataclass(frozen=True, slots=True, eq=False)
class _OfClasses:
    """What was found of each class, over all seeds."""

    names: Sequence[str]
    confusion: NDArray[np.int64]
    """(class, class)"""
    moved: NDArray[np.float64] | None
    """(class,)"""


def _classes(names: Sequence[str], found: Sequence[Arrays]) -> _OfClasses:
    return _OfClasses(names, _confusion(found, len(names)), _moved(found, len(names)))


def _document(work: Work, classes: _OfClasses, found: Sequence[Arrays]) -> dict[str, Any]:
    settings = work.settings(Settings)
    each = [dict(zip(of["names"].tolist(), of["values"].tolist(), strict=True)) for of in found]
    summary = measures.summary(each)
    for name, of in summary.items():
        of["values"] = [values[name] for values in each]  # type: ignore[assignment]
    held, moved = classes.confusion.sum(axis=1), classes.moved
    right = np.diag(classes.confusion) / np.maximum(held, 1)
    return {
        "run": work.spec.inputs[RUN],
        "other": work.spec.inputs.get(OTHER),
        "model": evidence.model_of(work.root, work.spec.inputs[RUN]),
        "stores": [asdict(of) for of in work.spec.stores],
        "labels": {"url": settings.labels, "sha256": settings.sha256, "column": settings.column},
        "measures": summary,
        "classes": [
            {
                "name": name,
                "held_out": int(held[i]),
                "told": float(right[i]) if held[i] else None,
                "moved": None if moved is None or np.isnan(moved[i]) else float(moved[i]),
            }
            for i, name in enumerate(classes.names)
        ],
    }


def _confusion(found: Sequence[Arrays], count: int) -> NDArray[np.int64]:
    """(class, class) of all seeds."""
    total = np.zeros((count, count), np.int64)
    for of in found:
        n = len(of["confusion"])
        total[:n, :n] += of["confusion"]
    return total


def _moved(found: Sequence[Arrays], count: int) -> NDArray[np.float64] | None:
    """(class,) mean over the seeds that have pixels of a class."""
    if "moved" not in found[0]:
        return None
    each = np.full((len(found), count), np.nan)
    for row, of in zip(each, found, strict=True):
        row[: len(of["moved"])] = of["moved"]
    known = np.isfinite(each)
    total = np.where(known, each, 0).sum(axis=0)
    return np.where(known.any(axis=0), total / np.maximum(known.sum(axis=0), 1), np.nan)


def _table(run: str, found: Sequence[Arrays]) -> bytes:
    """Parquet: a row a measure and seed."""
    rows = [
        {"run": run, "measure": name, "seed": seed, "value": value}
        for seed, of in enumerate(found)
        for name, value in zip(of["names"].tolist(), of["values"].tolist(), strict=True)
    ]
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), buffer, compression="zstd")
    return buffer.getvalue()


def _draw(work: Work, classes: _OfClasses, blocks: int) -> list[Picture]:
    """Draw all pictures, and store them."""
    store, made = work.store, work.partial("axes", 0)
    views = [work.partial("view", number) for number in range(blocks)]
    axes = np.concatenate([of["axes"] for of in views])
    distance = np.concatenate([of["distance"] for of in views])
    place = Place(str(store.key), store.domain, view.around(store.domain))
    drawn = {
        "embedding": captioned.embedding(place, axes, made["shares"].tolist(), made["mean"].size),
        "confusion": charts.confusion(place.key, classes.confusion, classes.names),
    }
    if classes.moved is not None:
        drawn["stability"] = charts.stability(place.key, classes.moved, classes.names)
    for column, pixel in enumerate(made["chosen"].tolist()):
        drawn[f"neighbours-{pixel}"] = captioned.neighbours(place, distance[:, column], pixel)
    return [gallery.stored(work, name, plate) for name, plate in drawn.items()]
