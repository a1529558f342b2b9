"""What a sample run writes: `sample.zarr` and `sample.parquet`, task by task.

`sample.zarr`: `features` (sample, feature) float32, NaN where undefined, with labels of every
feature; `pixel`, `row`, `column`, `lat`, `lon`, `superblock`, `phase`, `probability` and `stratum` on
`sample`. `kept` says which features later jobs use; `reason` why the others are dropped: `constant`, or
missing in too many pixels. `sample.parquet`: a folder of files, one row a pixel, the same columns,
features by name.

A task writes a slice of rows, which is one chunk and one file. It reads the inner chunks of the store
that hold its pixels, and no others.
"""

import io
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

import lake
from jobs.features import features
from jobs.features.features import Feature, FeatureSelection
from jobs.runs import heartbeat, outputs, records
from jobs.runs.stages import Arrays
from jobs.sampling.designs import SamplePixels
from lake.format import schema
from lake.format.order import Layout
from lake.format.schema import Array
from lake.reading.store import Store

TABLE = "sample.parquet"
CONSTANT = "constant"
"""The reason of a feature that tells pixels nothing apart."""
MAX_BYTES = 256 << 20
"""Bytes of the features of a task, at most."""
READ_BYTES = 64 << 20
"""Bytes of features that are read at once, or one inner chunk."""
CHUNKS = 64
"""Inner chunks that a task reads. Two tasks may both read the one at their border."""

COORDINATES = (
    f"pixel {schema.PIXEL_COORDINATES} probability stratum "
    "kept reason cube band month tod statistic subpixel"
)
_COLUMNS = ("pixel", "row", "column", "lat", "lon", "probability", "stratum")


def task_rows(pixel: NDArray[np.int64], layout: Layout, width: int) -> int:
    """Number of rows of a task; only the last task can have fewer.

    Args:
        pixel: (sample,) ascending.
        layout: of the store.
        width: number of features.
    """
    limit = max(MAX_BYTES // (4 * width), 1)
    size = np.bincount(pixel // layout.superblock)
    size = size[size > 0]
    if (size[:-1] == size[0]).all() and size[-1] <= size[0] <= limit:
        return int(size[0])  # a superblock each
    if limit > layout.chunk:  # where whole chunks are in the sample, tasks begin with one
        limit -= limit % layout.chunk
    chunks = np.unique(pixel // layout.chunk).size
    return min(-(-pixel.size // -(-chunks // CHUNKS)), limit)


def arrays(
    store: Store, sampled: SamplePixels, columns: Sequence[Feature], rows: int
) -> Iterator[Array]:
    """The arrays of the group; tasks write `features`."""
    for array in schema.pixel_coordinates(store.domain):
        data = np.asarray(array.data)[sampled.pixel]
        yield outputs.whole_array(array.path, ("sample",), data, **array.attributes)
    name = "probability to be drawn"
    yield outputs.whole_array("probability", ("sample",), sampled.probability, long_name=name)
    yield outputs.whole_array(
        "stratum", ("sample",), sampled.stratum, long_name="drawn from; 0: no strata"
    )
    yield from _feature_arrays(columns)
    yield Array(
        "features",
        ("sample", "feature"),
        (sampled.pixel.size, len(columns)),
        "float32",
        (min(rows, sampled.pixel.size), len(columns)),  # one writer per chunk
        fill_value=float("nan"),
    )


def write(
    root: str, run: str, url: str, selection: FeatureSelection, chunk: int, rows: slice, number: int
) -> Arrays:
    """On a worker: read and write the features of some rows.

    Args:
        root: of the lake.
        run: its id.
        url: of the store.
        selection: resolved.
        chunk: pixels of an inner chunk of the store.
        rows: of the sample.
        number: of the task.

    Returns:
        `ranges` (3, feature): number of missing values, smallest value, largest.
    """
    store = lake.open(url)
    columns = features.columns(selection, store.cubes.values())
    by_column = {name: outputs.read(root, run, name, rows) for name in _COLUMNS}
    pixel = by_column["pixel"]
    values = np.empty((pixel.size, len(columns)), np.float32)
    for piece in reads(pixel, chunk, READ_BYTES // (4 * len(columns) * chunk)):
        heartbeat.check(root, run)
        first = pixel[piece.start]
        block = features.read(store, selection, slice(first, pixel[piece.stop - 1] + 1))
        values[piece] = block[:, pixel[piece] - first].T
    outputs.write(root, run, "features", values, rows)
    by_column |= {str(feature): values[:, i] for i, feature in enumerate(columns)}
    records.folder(root, run).put(f"{TABLE}/{number:05d}.parquet", _parquet(by_column))
    low = np.fmin.reduce(values, axis=0, initial=np.nan)
    high = np.fmax.reduce(values, axis=0, initial=np.nan)
    return {"ranges": np.stack([np.isnan(values).sum(axis=0), low, high])}


def reads(pixel: NDArray[np.int64], chunk: int, limit: int) -> list[slice]:
    """The slices of rows that are read at once: their pixels lie in neighbouring inner chunks.

    Args:
        pixel: (row,) ascending, one or more.
        chunk: pixels of an inner chunk.
        limit: inner chunks that are read at once; at least one is.
    """
    number = pixel // chunk
    starts = [0]
    for row in (np.flatnonzero(np.diff(number)) + 1).tolist():
        if number[row] - number[row - 1] > 1 or number[row] - number[starts[-1]] >= limit:
            starts.append(row)
    return [slice(a, b) for a, b in zip(starts, [*starts[1:], pixel.size], strict=True)]


def reasons(ranges: NDArray[np.float64], samples: int, max_missing: float) -> list[str]:
    """Why each feature is dropped; see `reason`.

    Args:
        ranges: (task, 3, feature) what `write` returned.
        samples: number of pixels of the sample.
        max_missing: the largest share of missing values that is acceptable.
    """
    missing = ranges[:, 0].sum(axis=0) / samples
    low, high = np.fmin.reduce(ranges[:, 1]), np.fmax.reduce(ranges[:, 2])
    return [reason(*feature, max_missing) for feature in zip(missing, low, high, strict=True)]


def reason(missing: float, low: float, high: float, max_missing: float) -> str:
    """Why a feature is dropped; "" if it is kept.

    Args:
        missing: share of the sampled pixels without a value.
        low: smallest value, NaN if there is none.
        high: largest value.
        max_missing: the largest share that is acceptable.
    """
    if missing > max_missing or np.isnan(low):
        return f"missing in {missing:.0%} of the sample"
    rounding = float(np.finfo(np.float32).eps) * max(abs(low), abs(high))
    return CONSTANT if high - low <= rounding else ""


def dropped(reasons: Sequence[str]) -> str:
    """How many features are dropped, and why, in a line; "" if all are kept."""
    constant = sum(text == CONSTANT for text in reasons)
    missing = sum(map(bool, reasons)) - constant
    counts = {CONSTANT: constant, "missing too often (max_missing)": missing}
    texts = [f"{count} {why}" for why, count in counts.items() if count]
    if not texts:
        return ""
    return f"{constant + missing} of {len(reasons)} features are dropped: {', '.join(texts)}"


def _parquet(by_column: Arrays) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(dict(by_column)), buffer, compression="zstd")
    return buffer.getvalue()


def _feature_arrays(columns: Sequence[Feature]) -> Iterator[Array]:
    yield outputs.whole_array("feature", ("feature",), [str(feature) for feature in columns])
    for label in ("cube", "band", "month", "tod", "statistic"):
        yield outputs.whole_array(
            label, ("feature",), [getattr(feature, label) for feature in columns]
        )
    subpixel = [-1 if feature.subpixel is None else feature.subpixel for feature in columns]
    yield outputs.whole_array(
        "subpixel", ("feature",), subpixel, long_name="-1: all of the pixel, merged"
    )
    yield outputs.whole_array("kept", ("feature",), np.zeros(len(columns), bool))
    yield outputs.whole_array(
        "reason", ("feature",), [""] * len(columns), long_name="why it is dropped"
    )
