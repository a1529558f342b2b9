"""Tables: what was written is read, and reading leaves nothing behind that could end badly."""

import subprocess
import sys

import pyarrow as pa
import pytest

from lake.errors import FormatError
from lake.storage.connect import connect
from lake.store import tables

TABLE = pa.table({"key": ["a", "b", None], "number": [1, 2, 3]})

READ_AND_COUNT_THREADS = """
import os, sys
from lake.store import tables
from lake.storage.connect import connect

def threads():
    return set(os.listdir("/proc/self/task"))

objects = connect(sys.argv[1])
before = threads()
tables.load(objects, sys.argv[2], tables.pa.schema([("key", tables.pa.string())]))
print(len(threads() - before))
"""


def test_what_was_written_is_read(tmp_path):
    objects = connect(tmp_path)
    path = tables.write(objects, "tables", TABLE)
    assert tables.load(objects, path, TABLE.schema) == TABLE
    assert tables.read(objects, path, TABLE.schema) == TABLE.to_pylist()


def test_table_is_read_by_the_schema_that_is_wanted(tmp_path):
    objects = connect(tmp_path)
    path = tables.write(objects, "tables", TABLE)
    wanted = pa.schema([("number", pa.float64()), ("since", pa.string())])
    assert tables.read(objects, path, wanted) == [
        {"number": float(number), "since": None} for number in (1, 2, 3)
    ]


@pytest.mark.parametrize("data", [b"", b"PAR1", b"no table at all"])
def test_what_is_no_table_is_said(data):
    with pytest.raises(pa.ArrowInvalid):
        tables.decode(data)


def test_damaged_or_incomplete_table_is_refused_with_its_url(tmp_path):
    objects = connect(tmp_path)
    path = tables.write(objects, "tables", TABLE)
    with pytest.raises(FormatError, match=r"parquet says nothing of key"):
        tables.load(objects, path, TABLE.schema, complete=True)
    data = objects.get(path)
    for damaged in (data[:-9], data[:20] + b"\0" * 40 + data[60:], b""):
        objects.put(path, damaged)
        with pytest.raises(FormatError, match=r"parquet .* is no table of key, number"):
            tables.load(objects, path, TABLE.schema)


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc")
def test_reading_starts_no_thread_that_python_could_end_at_exit(tmp_path):
    path = tables.write(connect(tmp_path), "tables", TABLE)
    told = subprocess.run(
        [sys.executable, "-c", READ_AND_COUNT_THREADS, tmp_path, path],
        check=True,
        capture_output=True,
        text=True,
    )
    assert told.stdout == "0\n"
