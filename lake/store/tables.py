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

from lake.storage.objects import Objects


def write(objects: Objects, folder: str, table: pa.Table) -> str:
    """Store a table; returns its path."""
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    data = buffer.getvalue()
    path = f"{folder}/{hashlib.sha256(data).hexdigest()}-{uuid4().hex[:8]}.parquet"
    objects.put(path, data)
    return path


def load(objects: Objects, path: str, schema: pa.Schema) -> pa.Table:
    """The table at `path`."""
    return pq.read_table(io.BytesIO(objects.get(path)), schema=schema)


def read(objects: Objects, path: str, schema: pa.Schema) -> list[dict[str, Any]]:
    """The rows of the table at `path`."""
    rows: list[dict[str, Any]] = load(objects, path, schema).to_pylist()
    return rows
