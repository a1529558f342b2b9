"""`lake import vectors`: vectors of pixels from a file, as a run like any other.

`import.zarr` holds `embedding` (pixel, latent) float32, NaN where no row of the file gives a pixel a vector;
the mean where several do. Rows with a number that is NaN or infinite count as none. `import.json` says where
the vectors come from: the file with its size and SHA-256, when it was read, how rows found their pixels, and
how many did not.

Of an image a pixel has the mean of the cells that it covers. Other vectors are read
`vector_file.BLOCK_BYTES` at a time and summed for some superblocks, so memory does not grow with the file. A
file whose rows lie in another order than the pixels is read once for each such group.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

import lake
from jobs.imported import image_file, placement
from jobs.imported.image_file import VectorImage
from jobs.imported.placement import Placement
from jobs.imported.source import VectorSource, content, digest, opened, opened_image
from jobs.imported.vector_file import Values, VectorFile
from jobs.runs import heartbeat, outputs, records
from jobs.runs.spec import Spec
from jobs.runs.stages import ActiveRun, Arrays, task_result
from lake.errors import ConfigError, DataError
from lake.format import order, schema
from lake.format.arrays import Floats, Indices, Singles
from lake.reading.store import Store
from lake.storage.urls import absolute

JOB = "import"
DOCUMENT = "import.json"
WIDEST = 4096
"""Numbers of a vector, at most: the sums of a superblock are in memory."""
GROUP_BYTES = 256 << 20
"""Bytes of sums of the superblocks that a task fills."""
COUNTS = ("pixels", "averaged", "rows", "not_finite")
"""What a task counts: pixels with a vector, those that are means, rows of pixels, rows with NaN."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of `lake import vectors`."""

    file: str = ""
    """URL of a `.npy`, `.npz`, `.parquet` or GeoTIFF file, or of a folder that is a Zarr array or group."""
    array: str = ""
    """Name of the array in a group or archive, or of a column of lists; empty: the only one."""
    columns: tuple[str, ...] = ()
    """Columns of a table that are the numbers of a vector; empty: all that do not place the rows."""
    pixel: str = ""
    """Column that says which pixel a row is of; empty: `pixel`, where there is one."""
    lon: str = ""
    """Column of longitudes; with `lat` it says where a row lies; empty: `lon` or `longitude`."""
    lat: str = ""
    """Column of latitudes; empty: `lat` or `latitude`."""
    note: str = ""
    """What the vectors are, in words of whoever made them."""
    sha256: str = ""
    """Digest of the file, computed when the run gets its name: another content is another run."""

    @property
    def source(self) -> VectorSource:
        """What is read, and the columns that place rows."""
        placed = Placement(self.pixel, self.lon, self.lat)
        return VectorSource(self.file, self.array, self.columns, placed)


def specs(root: str, store: Store, settings: Settings) -> tuple[Spec, ...]:
    """The run that takes vectors from a file.

    Raises:
        ConfigError: no file, one of another kind, or a name that it does not have.
        MissingError: there is no such file.
        DataError: vectors that are no numbers, too wide, or not as many as pixels.
    """
    if not settings.file:
        raise ConfigError(
            "import needs the file of vectors: 'lake import vectors FILE --store KEY'"
        )
    settings = replace(settings, file=absolute(settings.file))
    file = content(settings.source)
    rows, width = file.shape
    if not rows or not width:
        raise DataError(f"{settings.file} has no vectors: its shape is {file.shape}")
    if width > WIDEST:
        raise DataError(
            f"vectors of {settings.file} have {width} numbers, at most {WIDEST} are taken: project them "
            "first, for example onto their principal axes"
        )
    if not isinstance(file, VectorImage):
        settings = _placed(file, settings, store)
    resolved = replace(settings, sha256=digest(settings.file)[0])
    return (records.spec_of(root, resolved, JOB, (store,)),)


def make(work: ActiveRun) -> Sequence[str]:
    """Place the rows, then write their vectors, some superblocks at a time; an image needs no placing."""
    store, settings = work.store, work.settings(Settings)
    file = content(settings.source)
    width = file.shape[1]
    if not settings.source.is_image:
        work.stage("place", _place, [(store.url, settings)])
    arrays = [
        *schema.pixel_coordinates(store.domain),
        outputs.whole_array("latent", ("latent",), np.arange(width)),
        outputs.pixel_array("embedding", store, {"latent": width}, "float32", np.nan),
    ]
    path = outputs.create(work.objects, work.spec, arrays, schema.PIXEL_COORDINATES)
    groups = list(_groups(store, width))
    sizes = [4 * width * (group[-1].stop - group[0].start) for group in groups]
    if settings.source.is_image:
        work.stage("write", _write_image, [(store.url, settings, group) for group in groups], sizes)
    else:
        work.stage("write", _write, [(settings, group) for group in groups], sizes)
    work.stage("verify", _verify, [(settings,)])
    counts = {
        name: sum(int(work.result("write", number)[name]) for number in range(len(groups)))
        for name in COUNTS
    }
    counts["bytes"] = int(work.result("verify", 0)["bytes"])
    if not counts["pixels"]:
        cells = f"{counts['rows']} rows that lie in a pixel hold NaN or infinity"
        if settings.source.is_image:
            cells = f"cells that a pixel of {store.key} covers are missing"
        raise DataError(f"{settings.file} gives no pixel a vector: all of its {cells}")
    document = _document(settings, file, store, counts)
    work.objects.put(DOCUMENT, json.dumps(document, indent=1).encode())
    return [path, DOCUMENT]


def summary(root: str, run: str) -> str:
    """Where the vectors of a finished run come from, and how many pixels have one."""
    document = json.loads(records.folder(root, run).get(DOCUMENT))
    first = (
        f"{document['pixels_with_vector']:,} of {document['pixels']:,} pixels have a vector of "
        f"{document['shape'][1]} numbers, placed {document['placed']}"
    )
    sentences = [first]
    for name, text in (
        ("pixels_averaged", "pixels are the mean of several rows"),
        ("rows_outside", "rows lie in no pixel"),
        ("rows_not_finite", "rows hold NaN or infinity, and count as none"),
    ):
        if document[name]:
            sentences.append(f"{document[name]:,} {text}")
    return "; ".join(sentences)


def _placed(file: VectorFile, settings: Settings, store: Store) -> Settings:
    """The settings, with the columns that place the rows spelled out."""
    placed = placement.choose(file, settings.source.placement, settings.file)
    placement.check_order(file, placed, store, settings.file)
    return replace(settings, **asdict(placed))


def _groups(store: Store, width: int) -> Iterator[list[slice]]:
    """Superblocks that are filled together: as many as `GROUP_BYTES` of sums hold, one at least."""
    group: list[slice] = []
    for block in order.superblocks(store.domain.pixels, store.domain.layout):
        if group and 8 * width * (block.stop - group[0].start) > GROUP_BYTES:
            yield group
            group = []
        group.append(block)
    yield group


def _place(root: str, run: str, url: str, settings: Settings) -> Arrays:
    """On a worker: the pixel of each row."""
    heartbeat.check(root, run)
    store = lake.open(url)
    return {
        "pixel": placement.pixels(
            opened(settings.source), settings.source.placement, store, settings.file
        )
    }


def _write(root: str, run: str, settings: Settings, group: Sequence[slice]) -> Arrays:
    """On a worker: the vectors of some superblocks; returns `COUNTS`."""
    pixel = task_result(root, run, "place", 0)["pixel"]
    begin, end = group[0].start, group[-1].stop
    file = opened(settings.source)
    sums = np.zeros((end - begin, file.shape[1]))
    rows, not_finite = np.zeros(end - begin, np.int64), 0
    needed = (pixel >= begin) & (pixel < end)
    for first, x in file.pieces(needed):
        heartbeat.check(root, run)
        inside = needed[first : first + len(x)]
        vectors, owner = x[inside], pixel[first : first + len(x)][inside] - begin
        not_finite += _add(sums, rows, vectors, owner)
    vectors = _means(sums, rows)
    for block in group:
        outputs.write(
            root, run, "embedding", vectors[block.start - begin : block.stop - begin], block
        )
    counts = _with_vector(vectors), int((rows > 1).sum()), int(needed.sum()), not_finite
    return {name: np.array(count) for name, count in zip(COUNTS, counts, strict=True)}


def _write_image(
    root: str, run: str, url: str, settings: Settings, group: Sequence[slice]
) -> Arrays:
    """On a worker: the vectors of some superblocks by an image; returns `COUNTS`."""
    domain, image, pixels = lake.open(url).domain, opened_image(settings.source), 0
    for block, vectors in zip(group, image.means(domain, group), strict=True):
        heartbeat.check(root, run)
        outputs.write(root, run, "embedding", vectors, block)
        pixels += _with_vector(vectors)
    return {name: np.array(pixels if name == "pixels" else 0) for name in COUNTS}


def _with_vector(vectors: Singles) -> int:
    """How many of the vectors (pixel, d) are whole."""
    return int(np.isfinite(vectors).all(axis=1).sum())


def _add(sums: Floats, rows: Indices, vectors: Values, owner: Indices) -> int:
    """Add vectors (n, d) to the sums of their owners; the number of those that are not finite."""
    with np.errstate(over="ignore"):  # beyond float32: infinite, and so counted
        finite = np.isfinite(vectors.astype(np.float32)).all(axis=1)
    owner, vectors = owner[finite], vectors[finite].astype(np.float64)
    if len(np.unique(owner)) == len(owner):
        sums[owner] += vectors  # faster
    else:
        np.add.at(sums, owner, vectors)
    np.add.at(rows, owner, 1)
    return int((~finite).sum())


def _means(sums: Floats, rows: Indices) -> Singles:
    """(pixel, d) means of rows; NaN where there is none."""
    counts = np.where(rows > 0, rows, np.nan)
    means: Singles = (sums / counts[:, None]).astype(np.float32)
    return means


def _verify(root: str, run: str, settings: Settings) -> Arrays:
    """On a worker: make sure that the file is still the one that the run was named after; returns its size.

    Raises:
        DataError: it has changed.
    """
    heartbeat.check(root, run)
    sha256, size = digest(settings.file)
    if sha256 != settings.sha256:
        raise DataError(f"{settings.file} has changed since the run was begun: ask for it anew")
    return {"bytes": np.array(size)}


def _document(
    settings: Settings, file: VectorFile | VectorImage, store: Store, counts: dict[str, int]
) -> dict[str, Any]:
    """Where the vectors come from, as JSON."""
    return {
        "job": JOB,
        "file": settings.file,
        "name": settings.file.rpartition("/")[2],
        "bytes": counts["bytes"],
        "sha256": settings.sha256,
        "read": records.now(),
        "note": settings.note,
        "array": settings.array,
        "columns": list(settings.columns),
        "shape": list(file.shape),
        "dtype": file.dtype,
        "placed": image_file.PLACED if settings.source.is_image else str(settings.source.placement),
        "pixels": store.domain.pixels,
        "pixels_with_vector": counts["pixels"],
        "pixels_without": store.domain.pixels - counts["pixels"],
        "pixels_averaged": counts["averaged"],
        "rows_outside": 0 if settings.source.is_image else file.shape[0] - counts["rows"],
        "rows_not_finite": counts["not_finite"],
    }
