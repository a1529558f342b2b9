"""What a sample run writes: `sample.zarr` and `sample.parquet`, part by part.

`sample.zarr`: `features` (sample, feature) float32, NaN where undefined, with labels of every
feature; `pixel`, `row`, `column`, `lat`, `lon`, `superblock`, `phase`, `probability` and `stratum` on
`sample`. `kept` tells which features later jobs use; `reason` why others are dropped: `constant`, or
missing in too many pixels. `sample.parquet`: a folder of files, one row a pixel, the same columns,
features by name.

A part is a run of rows, which is one chunk and one file. It reads the inner chunks of the store that
hold its pixels, and no others.
"""

import io
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

import lake
from jobs.features import features
from jobs.features.features import Feature, Selection
from jobs.runs import heartbeat, outputs, records
from jobs.runs.stages import Arrays
from jobs.sampling.designs import Drawn
from lake.format import schema
from lake.format.order import Layout
from lake.format.schema import Array
from lake.reading.store import Store

TABLE = "sample.parquet"
ROOM = 256 << 20
"""Bytes of the features of a part, at most."""
HELD = 64 << 20
"""Bytes of features that are read at once, or one inner chunk."""
CHUNKS = 64
"""Inner chunks that a part reads. Two parts may both read the one at their border."""

COORDINATES = (
    f"pixel {schema.PIXEL_COORDINATES} probability stratum "
    "kept reason cube band month tod statistic subpixel"
)
_COLUMNS = ("pixel", "row", "column", "lat", "lon", "probability", "stratum")


def part_rows(pixel: NDArray[np.int64], layout: Layout, width: int) -> int:
    """Rows of a part; only the last part can have fewer.

    Args:
        pixel: (sample,) ascending.
        layout: of the store.
        width: features.
    """
    room = max(ROOM // (4 * width), 1)
    size = np.bincount(pixel // layout.superblock)
    size = size[size > 0]
    if (size[:-1] == size[0]).all() and size[-1] <= size[0] <= room:
        return int(size[0])  # a superblock each
    if room > layout.chunk:  # where whole chunks are taken, parts begin with one
        room -= room % layout.chunk
    touched = np.unique(pixel // layout.chunk).size
    return min(-(-pixel.size // -(-touched // CHUNKS)), room)


def arrays(store: Store, drawn: Drawn, named: Sequence[Feature], rows: int) -> Iterator[Array]:
    """Of the group; `features` is filled by parts."""
    for array in schema.pixel_coordinates(store.domain):
        data = np.asarray(array.data)[drawn.pixel]
        yield outputs.whole_array(array.path, ("sample",), data, **array.attributes)
    about = {"long_name": "probability to be drawn"}
    yield outputs.whole_array("probability", ("sample",), drawn.probability, **about)
    yield outputs.whole_array(
        "stratum", ("sample",), drawn.stratum, long_name="drawn from; 0: no strata"
    )
    yield from _of_features(named)
    yield Array(
        "features",
        ("sample", "feature"),
        (drawn.pixel.size, len(named)),
        "float32",
        (min(rows, drawn.pixel.size), len(named)),  # one writer per chunk
        fill_value=float("nan"),
    )


def write(
    root: str, run: str, url: str, selection: Selection, chunk: int, rows: slice, number: int
) -> Arrays:
    """On a worker: read and write the features of some rows.

    Args:
        root: of the lake.
        run: its id.
        url: of the store.
        selection: settled.
        chunk: pixels of an inner chunk of the store.
        rows: of the sample.
        number: of the part.

    Returns:
        `told` (3, feature): number of missing values, smallest, largest.
    """
    store = lake.open(url)
    named = features.columns(selection, store.cubes.values())
    about = {name: outputs.read(root, run, name, rows) for name in _COLUMNS}
    pixel = about["pixel"]
    values = np.empty((pixel.size, len(named)), np.float32)
    for of in reads(pixel, chunk, HELD // (4 * len(named) * chunk)):
        heartbeat.check(root, run)
        first = pixel[of.start]
        found = features.read(store, selection, slice(first, pixel[of.stop - 1] + 1))
        values[of] = found[:, pixel[of] - first].T
    outputs.write(root, run, "features", values, rows)
    by_name = {str(feature): values[:, i] for i, feature in enumerate(named)}
    records.folder(root, run).put(f"{TABLE}/{number:05d}.parquet", _parquet(about | by_name))
    low = np.fmin.reduce(values, axis=0, initial=np.nan)
    high = np.fmax.reduce(values, axis=0, initial=np.nan)
    return {"told": np.stack([np.isnan(values).sum(axis=0), low, high])}


def reads(pixel: NDArray[np.int64], chunk: int, most: int) -> list[slice]:
    """The runs of rows that are read at once: their pixels lie in inner chunks one after the other.

    Args:
        pixel: (row,) ascending, one or more.
        chunk: pixels of an inner chunk.
        most: inner chunks at once; at least one is.
    """
    number = pixel // chunk
    starts = [0]
    for row in (np.flatnonzero(np.diff(number)) + 1).tolist():
        if number[row] - number[row - 1] > 1 or number[row] - number[starts[-1]] >= most:
            starts.append(row)
    return [slice(a, b) for a, b in zip(starts, [*starts[1:], pixel.size], strict=True)]


def reasons(told: NDArray[np.float64], samples: int, most: float) -> list[str]:
    """Why each feature is dropped.

    Args:
        told: (part, 3, feature) what `write` returned.
        samples: pixels of the sample.
        most: the largest share of missing values that is acceptable.
    """
    missing = told[:, 0].sum(axis=0) / samples
    low, high = np.fmin.reduce(told[:, 1]), np.fmax.reduce(told[:, 2])
    return [reason(*of, most) for of in zip(missing, low, high, strict=True)]


def reason(missing: float, low: float, high: float, most: float) -> str:
    """Why a feature is dropped; "" if it is kept.

    Args:
        missing: share of the sampled pixels without a value.
        low: smallest value, NaN if there is none.
        high: largest.
        most: the largest share that is acceptable.
    """
    if missing > most or np.isnan(low):
        return f"missing in {missing:.0%} of the sample"
    rounding = float(np.finfo(np.float32).eps) * max(abs(low), abs(high))
    return "constant" if high - low <= rounding else ""


def _parquet(columns: Arrays) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(dict(columns)), buffer, compression="zstd")
    return buffer.getvalue()


def _of_features(named: Sequence[Feature]) -> Iterator[Array]:
    yield outputs.whole_array("feature", ("feature",), [str(of) for of in named])
    for label in ("cube", "band", "month", "tod", "statistic"):
        yield outputs.whole_array(label, ("feature",), [getattr(of, label) for of in named])
    subpixel = [-1 if of.subpixel is None else of.subpixel for of in named]
    yield outputs.whole_array(
        "subpixel", ("feature",), subpixel, long_name="-1: all of the pixel, merged"
    )
    yield outputs.whole_array("kept", ("feature",), np.zeros(len(named), bool))
    yield outputs.whole_array(
        "reason", ("feature",), [""] * len(named), long_name="why it is dropped"
    )
