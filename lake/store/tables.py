"""Immutable Parquet tables as objects: ledgers, manifests, the catalogue's rows.

A table lies at `<folder>/<sha256>-<id>.parquet`: its name says what its bytes are, and is never made
again, so that collecting garbage cannot take a table that somebody has just written once more.
"""

import hashlib
import io
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from lake.errors import FormatError
from lake.storage.objects import Objects


def write(objects: Objects, folder: str, table: pa.Table) -> str:
    """Store a table; returns its path."""
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    data = buffer.getvalue()
    path = f"{folder}/{hashlib.sha256(data).hexdigest()}-{uuid4().hex[:8]}.parquet"
    objects.put(path, data)
    return path


def load(objects: Objects, path: str, schema: pa.Schema, *, complete: bool = False) -> pa.Table:
    """The table at `path`; a column that it lacks is null.

    Args:
        objects: where it is.
        path: of the table.
        schema: the columns that are wanted, and their types.
        complete: whether every row must say something in every column.

    Raises:
        MissingError: there is no such object.
        FormatError: it is damaged, or not complete.
    """
    data = objects.get(path)
    try:
        table = decode(data)
        nulls = pa.nulls(table.num_rows)
        columns = [table[name] if name in table.column_names else nulls for name in schema.names]
        table = pa.table(columns, schema.names).cast(schema)
        table.validate(full=True)
    except (pa.ArrowException, KeyError, OSError, ValueError) as error:
        raise FormatError(
            f"{objects.url(path)} ({len(data)} bytes) is no table of {', '.join(schema.names)}: {error}; "
            "it is damaged: restore the object"
        ) from error
    lacking = [name for name in schema.names if table[name].null_count]
    if complete and lacking:
        raise FormatError(
            f"{objects.url(path)} says nothing of {', '.join(lacking)}: it is damaged, restore the object"
        )
    return table


def decode(data: bytes) -> pa.Table:
    """The table whose Parquet bytes these are.

    Arrow's threads have no part in it. One that still lets go of Python's bytes when the interpreter
    ends is ended by Python inside a C++ destructor, and that aborts the process
    (https://github.com/apache/arrow/issues/34314).

    Raises:
        pyarrow.ArrowInvalid: they are no table.
    """
    return pq.ParquetFile(pa.BufferReader(data), pre_buffer=False).read(use_threads=False)


def read(
    objects: Objects, path: str, schema: pa.Schema, *, complete: bool = False
) -> list[dict[str, Any]]:
    """The rows of the table at `path`; arguments and errors as of `load`."""
    rows: list[dict[str, Any]] = load(objects, path, schema, complete=complete).to_pylist()
    return rows
