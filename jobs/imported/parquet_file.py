"""Vectors in a Parquet table: a column for each number, or one column of lists."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from jobs.imported import object_file, vector_file
from jobs.imported.vector_file import Values
from lake.errors import ConfigError, DataError
from lake.format.arrays import Bools
from lake.storage.objects import Objects

ENDING = ".parquet"
LISTS = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)


@dataclass(frozen=True, slots=True, eq=False)
class ParquetFile:
    """A Parquet table; see `VectorFile`."""

    objects: Objects
    path: str
    taken: tuple[str, ...]
    """Columns that hold the vectors: one of lists, or one for each number."""
    shape: tuple[int, int]
    dtype: str
    is_list: bool
    columns: tuple[str, ...]
    """Names of the columns of numbers."""

    def column(self, name: str) -> Values:
        """(row,) a column; null is NaN."""
        with _opened(self.objects, self.path) as table:
            cells = [
                _numbers(batch.column(0))
                for batch in table.iter_batches(columns=[name], use_threads=False)
            ]
        return np.concatenate(cells) if cells else np.empty(0)

    def pieces(self, needed: Bools) -> Iterator[tuple[int, Values]]:
        """Rows of vectors; see `VectorFile.pieces`."""
        size = max(vector_file.BLOCK_BYTES // (8 * self.shape[1]), 1)
        with _opened(self.objects, self.path) as table:
            first = 0
            for group in range(table.num_row_groups):
                rows = table.metadata.row_group(group).num_rows
                if needed[first : first + rows].any():
                    yield from self._group(table, group, first, size)
                first += rows

    def _group(
        self, table: pq.ParquetFile, group: int, first: int, size: int
    ) -> Iterator[tuple[int, Values]]:
        """The vectors of a row group."""
        batches = table.iter_batches(
            batch_size=size, row_groups=[group], columns=list(self.taken), use_threads=False
        )
        for batch in batches:
            yield first, self._vectors(batch)
            first += batch.num_rows

    def _vectors(self, batch: pa.RecordBatch) -> Values:
        """(row, d) of a batch; NaN where null."""
        if not self.is_list:
            return np.stack([_numbers(batch.column(name)) for name in self.taken], axis=1)
        lists = batch.column(0)
        width, known = self.shape[1], ~np.asarray(lists.is_null())
        lengths = np.asarray(lists.value_lengths().fill_null(width))
        if (lengths != width).any():
            raise DataError(
                f"column {self.taken[0]!r} of {self.objects.url(self.path)} has lists of {width} and of "
                f"{lengths[lengths != width][0]} numbers: wanted vectors of one length"
            )
        vectors = np.full((batch.num_rows, width), np.nan)
        vectors[known] = _numbers(lists.flatten()).reshape(-1, width)
        return vectors


def read(
    objects: Objects, path: str, array: str, columns: tuple[str, ...], placing: tuple[str, ...]
) -> ParquetFile:
    """The Parquet table at a path.

    Args:
        objects: where it is.
        path: of the file.
        array: a column of lists; empty: the only one, or columns of numbers.
        columns: a column for each number; empty: all but `placing`, unless there are lists.
        placing: columns that say where a row lies.

    Raises:
        MissingError: there is none.
        ConfigError: it has no such column, or several of lists and none is named.
        DataError: it is no Parquet table, or what is to be the vectors are no numbers.
    """
    url = objects.url(path)
    if array and columns:
        raise ConfigError(f"array={array} and columns={','.join(columns)}: give one of them")
    with _opened(objects, path) as table:
        schema, rows = table.schema_arrow, table.metadata.num_rows
        kinds = {name: schema.field(name).type for name in schema.names}
        taken = (array,) if array else columns or _default(kinds, placing, url)
        if absent := [name for name in taken if name not in kinds]:
            raise ConfigError(f"{url} has no column {absent[0]!r}: it has {', '.join(kinds)}")
        is_list = len(taken) == 1 and _is_list(kinds[taken[0]])
        width = _length(table, taken[0]) if is_list else len(taken)
    elements = [kinds[taken[0]].value_type] if is_list else [kinds[name] for name in taken]
    for name, kind in zip(taken, elements, strict=True):
        if not _is_number(kind):
            raise DataError(
                f"column {name!r} of {url} is {kind}: wanted numbers; --columns names those to take"
            )
    numbers = tuple(name for name, kind in kinds.items() if _is_number(kind))
    dtypes = ", ".join(dict.fromkeys(map(str, elements)))
    return ParquetFile(objects, path, taken, (rows, width), dtypes, is_list, numbers)


def _default(kinds: dict[str, pa.DataType], placing: tuple[str, ...], url: str) -> tuple[str, ...]:
    """The columns of vectors where none is named."""
    lists = [name for name, kind in kinds.items() if _is_list(kind)]
    if len(lists) > 1:
        raise ConfigError(
            f"{url} has columns of lists {', '.join(lists)}: name the one of vectors, --array NAME"
        )
    if lists:
        return (lists[0],)
    others = tuple(name for name in kinds if name not in placing)
    if not others:
        raise DataError(f"{url} has columns {', '.join(kinds)}, and none of vectors")
    return others


def _length(table: pq.ParquetFile, name: str) -> int:
    """The length of the first list of a column; 0: it has none."""
    for batch in table.iter_batches(batch_size=1024, columns=[name], use_threads=False):
        lengths = batch.column(0).value_lengths().drop_null()
        if len(lengths):
            return int(lengths[0].as_py())
    return 0


def _is_list(kind: pa.DataType) -> bool:
    return any(fits(kind) for fits in LISTS)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _numbers(cells: pa.Array) -> Values:
    """(n,) numbers; NaN where null."""
    values: Values = cells.to_numpy(zero_copy_only=False)
    return values


@contextmanager
def _opened(objects: Objects, path: str) -> Iterator[pq.ParquetFile]:
    """The table; Arrow's threads have no part in it, see `lake.store.tables.decode`.

    Raises:
        DataError: it is no Parquet table.
    """
    with object_file.opened(objects, path) as file:
        try:
            table = pq.ParquetFile(pa.PythonFile(file, mode="r"), pre_buffer=False)
        except pa.ArrowInvalid as error:
            raise DataError(f"{objects.url(path)} is no Parquet table: {error}") from error
        yield table
