"""The job `classes`: what the classes of a run, or of labels, look like, so that people can read them.

Workers read a superblock at a time, and of it some inner chunks of one month of a cube. `classes.json` holds
a document for every class that has a pixel: number, name, colour, pixels, area on the ground; its spectrum,
its annual and diurnal cycles; its most typical pixels and its nearest classes, where vectors are known.

- `mean` is that of all clear-sky observations of the class, so a pixel counts as often as it was observed.
- `stddev` is that of all these observations.
- `stddev_between_pixels` is the spread of the pixels' own means, each pixel counted once.
- An annual cycle is over all times of day together, a diurnal one over all months.
- A pixel is typical if its vector is near to the mean vector of its class (Euclidean distance). The distance
  of two classes is that of their mean vectors.

`null`: no observation, or no vector. A picture has a row for each class.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import lake
from jobs.classes import class_documents, class_statistics
from jobs.classes.class_statistics import ClassSums
from jobs.features import labels
from jobs.figures import class_charts, gallery
from jobs.runs import heartbeat, outputs, records
from jobs.runs.settings import check, newer
from jobs.runs.spec import Spec
from jobs.runs.stages import ActiveRun, Arrays, pack, task_result, unpack
from lake.console.messages import json_text, table
from lake.errors import ConfigError, DataError
from lake.format import grid, order
from lake.format.arrays import AnyFloats, Floats, Integers
from lake.format.schema import Cube
from lake.reading import classes as land_classes
from lake.reading.classes import LandClass
from lake.reading.store import Store
from lake.storage.connect import connect

JOB = land_classes.DESCRIBED
RUN, VECTORS = "run", "vectors"
"""Names of the run's inputs, which are those of their settings."""
FILE = land_classes.DOCUMENT
MOST_CLASSES = 1000
CHUNKS = 4
"""Inner chunks whose statistics are in memory at a time."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of `lake classes`."""

    run: str = ""
    """Run whose classes are described: of `cluster` or `classify`; none: the classes of `labels`."""
    labels: str = ""
    """URL of a file of classes."""
    column: str = "label"
    """Name of the column of classes of a table, or of the attribute of polygons."""
    sha256: str = ""
    """Digest of the labels, computed when the run gets its name."""
    vectors: str = ""
    """Run whose vectors say what is typical and near; none: the one that the classes were made from."""
    array: str = newer("")
    """Name of the vectors' array (pixel, d) in that run; empty: the only one."""
    typical: int = 5
    """Number of typical pixels of each class."""
    nearest: int = 3
    """Number of nearest classes of each class."""

    def __post_init__(self) -> None:
        check("typical must be 0 or more", self.typical, holds=self.typical >= 0)
        check("nearest must be 0 or more", self.nearest, holds=self.nearest >= 0)


def specs(root: str, store: Store, settings: Settings) -> tuple[Spec, ...]:
    """The run that describes the classes of a run, or of labels.

    Raises:
        ConfigError: neither a run nor labels, or both; a run without classes, or of another store.
        MissingError: no such run or file, or a run that is not complete.
        DataError: labels that do not match the pixels, or too many classes.
    """
    if bool(settings.run) == bool(settings.labels):
        raise ConfigError(
            "classes are those of a run or of labels: wanted one of '--set run=RUN', '--set labels=URL'"
        )
    inputs: dict[str, str] = {}
    if settings.run:
        settings, inputs = _of_run(root, store, settings)
    else:
        url, digest = labels.resolve(settings.labels, store, settings.column)
        settings = replace(settings, labels=url, sha256=digest)
    if settings.vectors:
        spec = records.finished_spec(root, settings.vectors)
        records.check_pixels(records.open_input(root, spec.stores[0]), store)
        array = outputs.vectors_of(root, settings.vectors, settings.array)
        settings = replace(settings, array=array)
        inputs[VECTORS] = settings.vectors
    count = len(_classes(root, store, settings))
    if count > MOST_CLASSES:
        raise DataError(f"there are {count} classes: wanted {MOST_CLASSES} at most, join some")
    return (records.spec_of(root, settings, JOB, (store,), inputs, without=(RUN, VECTORS)),)


def make(work: ActiveRun) -> Sequence[str]:
    """Add up the classes in every superblock, then find their typical pixels."""
    store, settings = work.store, _settings(work)
    classes = _classes(work.root, store, settings)
    calls = [
        (store.url, settings, len(classes), block)
        for block in order.superblocks(store.domain.pixels, store.domain.layout)
    ]
    work.stage("sum", _sum, calls)
    sums, totals = _joined(work, store, classes, len(calls))
    means = _ratio(totals["vectors"], totals["with_vector"][:, None])
    work.stage("nearest", _nearest, [(*call, means) for call in calls if settings.vectors])
    found = [work.result("nearest", n) for n in range(len(calls)) if settings.vectors]
    document = {
        "store": str(store.key),
        "run": work.spec.inputs.get(RUN),
        "labels": settings.labels or None,
        "vectors": work.spec.inputs.get(VECTORS),
        "pixels_without_class": store.domain.pixels - int(totals["pixels"].sum()),
        "classes": [
            class_documents.of_class(each, store, totals, sums)
            | class_documents.places(each.number, store.domain, found, settings.typical)
            | class_documents.neighbours(each.number, classes, means, settings.nearest)
            for each in classes
            if totals["pixels"][each.number]
        ],
    }
    work.objects.put(FILE, json_text(document).encode())
    figure = class_charts.described(document, classes)
    return [FILE, *gallery.store_list(work, [gallery.store_picture(work, "classes", figure)])]


def summary(root: str, run: str) -> str:
    """The classes as a table: number, name, pixels, area, nearest class."""
    named = {each.number: each for each in land_classes.of_run(connect(root), run)}
    rows = []
    for row in land_classes.document(connect(root), run)["classes"]:
        near = [named[other["number"]].name for other in row["nearest_classes"][:1]]
        rows.append(
            [str(row["number"]), named[row["number"]].name, f"{row['pixels']:,}",
             f"{row['area_km2']:,.0f}", *(near or [""])]
        )  # fmt: skip
    return table(["number", "name", "pixels", "km2", "nearest"], rows)


def _of_run(root: str, store: Store, settings: Settings) -> tuple[Settings, dict[str, str]]:
    """The settings with the vectors that the classes of a run were made from, and the run as input."""
    spec = records.read_spec(root, settings.run)
    if spec.job not in land_classes.ARRAYS:
        raise ConfigError(
            f"run {settings.run} is of {spec.job}, which gives pixels no classes: wanted a run of "
            f"{' or '.join(land_classes.ARRAYS)}"
        )
    records.require(root, settings.run, spec.job, store)
    if not settings.vectors:
        (vectors,) = spec.inputs.values()
        array = str(spec.settings.get("array", ""))
        settings = replace(settings, vectors=vectors, array=settings.array or array)
    return settings, {RUN: settings.run}


def _settings(work: ActiveRun) -> Settings:
    """The settings of a run, with the runs that are its inputs."""
    inputs = work.spec.inputs
    return replace(
        work.settings(Settings), run=inputs.get(RUN, ""), vectors=inputs.get(VECTORS, "")
    )


def _classes(root: str, store: Store, settings: Settings) -> tuple[LandClass, ...]:
    if settings.run:
        return land_classes.of_run(connect(root), settings.run)
    names = labels.classes(settings.labels, settings.sha256, store, settings.column).names
    return land_classes.defaults(names)


def _numbers(root: str, store: Store, settings: Settings, pixels: slice) -> Integers:
    """(pixel,) the class of each pixel of a slice."""
    if settings.run:
        job = settings.run.rpartition("-")[0]
        numbers: Integers = outputs.read(root, settings.run, land_classes.ARRAYS[job], pixels)
        return numbers
    file = labels.classes(settings.labels, settings.sha256, store, settings.column)
    return file.labels[pixels]


def _sum(
    root: str, run: str, url: str, settings: Settings, count: int, pixels: slice
) -> dict[str, Any]:
    """On a worker: add up the classes of a superblock: statistics of every cube, areas, vectors."""
    store = lake.open(url)
    domain, numbers = store.domain, _numbers(root, store, settings, pixels)
    has_class = numbers >= 0
    areas = grid.pixel_areas(domain.grid, domain.row[pixels], domain.column[pixels])
    totals: dict[str, Any] = {
        "pixels": _per_class(numbers, count),
        "area": _per_class(numbers, count, np.nan_to_num(areas)),
    }
    if settings.vectors:
        vectors = outputs.read(root, settings.vectors, settings.array, pixels).astype(np.float64)
        known = has_class & np.isfinite(vectors).all(axis=1)
        totals["with_vector"] = _per_class(numbers[known], count)
        totals["vectors"] = np.zeros((count, vectors.shape[1]))
        np.add.at(totals["vectors"], numbers[known], vectors[known])
    else:
        totals["with_vector"], totals["vectors"] = np.zeros(count), np.zeros((count, 1))
    step = CHUNKS * domain.layout.chunk
    for cube in store.cubes.values():
        sums = _empty(store, cube, count)
        for first in range(pixels.start, pixels.stop, step):
            heartbeat.check(root, run)
            piece = slice(first, min(first + step, pixels.stop))
            class_statistics.add(
                sums,
                _blocks(store, cube, piece),
                numbers[first - pixels.start :][: piece.stop - first],
            )
        totals |= pack(sums, f"{cube.name}/")
    return totals


def _nearest(
    root: str, _: str, url: str, settings: Settings, __: int, pixels: slice, means: Floats
) -> dict[str, Any]:
    """On a worker: the pixels of a superblock that are nearest to the mean vectors of their classes."""
    numbers = _numbers(root, lake.open(url), settings, pixels)
    vectors: AnyFloats = outputs.read(root, settings.vectors, settings.array, pixels)
    classes, rows, distance = class_statistics.nearest_pixels(
        vectors, numbers, means, settings.typical
    )
    return {"classes": classes, "pixel": rows + pixels.start, "distance": distance}


def _blocks(store: Store, cube: Cube, pixels: slice) -> Iterator[Any]:
    for month in store.months:
        yield store.block(cube.name, pixels, month)[0]


def _empty(store: Store, cube: Cube, count: int) -> ClassSums:
    return class_statistics.empty(count, len(store.months), len(cube.tods), len(cube.bands))


def _per_class(numbers: Integers, count: int, values: Floats | None = None) -> Floats:
    """(class,) the number of pixels, or the sum of their values."""
    has_class = numbers >= 0
    weights = None if values is None else values[has_class]
    return np.bincount(numbers[has_class], weights, count).astype(np.float64)


def _joined(
    work: ActiveRun, store: Store, classes: Sequence[LandClass], tasks: int
) -> tuple[dict[str, ClassSums], dict[str, Floats]]:
    """Cube -> sums of the classes, and the totals that are of no cube, over all superblocks."""
    sums = {name: _empty(store, cube, len(classes)) for name, cube in store.cubes.items()}
    names = ("pixels", "area", "with_vector", "vectors")
    totals: dict[str, Floats] = {}
    for number in range(tasks):
        result: Arrays = task_result(work.root, work.run, "sum", number)
        totals = {name: totals.get(name, 0) + result[name] for name in names}
        for cube, cube_sums in sums.items():
            class_statistics.merge(cube_sums, unpack(ClassSums, result, f"{cube}/"))
    return sums, totals


def _ratio(total: Floats, count: Floats) -> Floats:
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
