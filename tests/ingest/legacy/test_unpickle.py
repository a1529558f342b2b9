"""The restricted unpickler: what it reads, and that it refuses everything else."""

import functools
import io
import os
import pickle
import pickletools
import struct
from datetime import date
from pathlib import PurePosixPath, PureWindowsPath

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.legacy.unpickle import load
from lake.errors import LegacyError

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)

ARRAYS = {
    "float32": np.arange(6, dtype=np.float32).reshape(2, 3),
    "fortran order": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "big-endian": np.arange(5, dtype=">i4"),
    "every second": np.arange(10)[::2],
    "no dimension": np.array(3.5, np.float32),
    "empty": np.empty((0, 3)),
    "bool": np.array([True, False]),
    "text": np.array(["ab", "c"]),
    "bytes": np.array([b"ab", b"c"]),
}


class Calls:
    """Pickles to a call of `function`."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


def stack_global(module, name):
    """A pickle that holds whatever `module` has under `name`, dots in `name` followed."""
    texts = b"".join(b"\x8c" + bytes([len(t)]) + t.encode() for t in (module, name))
    return b"\x80\x04" + texts + b"\x93."


def call(module, name, *args):
    """A protocol 4 pickle that calls `module.name(*args)`."""
    return stack_global(module, name)[:-1] + pickle.dumps(args, protocol=4)[2:-1] + b"R."


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_of_every_protocol_are_read_as_plain_arrays(name, protocol):
    array = ARRAYS[name]
    (read,) = load(pickle.dumps([array], protocol), "a.pkl")
    assert type(read) is np.ndarray
    assert read.dtype.newbyteorder("=") == array.dtype.newbyteorder("=")
    np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_masked_arrays_keep_mask_and_fill_value(protocol):
    array = np.ma.masked_array(np.arange(4.0), [False, True, False, True], fill_value=-1)
    read = load(pickle.dumps(array, protocol), "a.pkl")
    assert type(read) is np.ma.MaskedArray
    np.testing.assert_array_equal(read.filled(), [0, -1, 2, -1])


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_containers_scalars_and_paths_are_read(protocol):
    thing = {
        ("geom", "C13"): [np.float32(1.5), np.bool_(True), 2**70, -1.25, None, b"\xff\x00", b""],
        "sets": ({1, 2}, frozenset({"a"})),
        "path": PurePosixPath("data/domains/geom.pkl"),
    }
    assert load(pickle.dumps(thing, protocol), "a.pkl") == thing


def test_arrays_written_by_numpy_1_are_read():
    data = pickle.dumps(np.arange(3.0), protocol=2).replace(b"numpy._core", b"numpy.core")
    np.testing.assert_array_equal(load(data, "a.pkl"), [0, 1, 2])


@pytest.mark.parametrize("name", ["WindowsPath", "PureWindowsPath"])
def test_a_windows_path_is_read_as_a_posix_path(name):
    data = call("pathlib", name, *PureWindowsPath(r"D:\data\geom.pkl").parts)
    assert load(data, "a.pkl") == PurePosixPath("D:/data/geom.pkl")


FUNCTIONS = {
    f"{os.system.__module__}.system": Calls(os.system, "true"),
    "builtins.eval": Calls(eval, "1 + 1"),
    "builtins.exec": Calls(exec, "pass"),
    "builtins.getattr": Calls(getattr, "a", "upper"),
    "builtins.list": Calls(list, (1, 2)),
    "functools.partial": Calls(functools.partial, print),
    "datetime.date": date(2020, 1, 1),
    "numpy.load": Calls(np.load, "a.npy"),
    "numpy.fromfile": Calls(np.fromfile, "a.bin"),
    "numpy.testing._private.utils.runstring": Calls(np.testing.runstring, "pass", {}),
    "numpy.memmap": Calls(np.memmap, "a.bin"),
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_any_other_function_is_refused_by_name(name, protocol):
    data = pickle.dumps({"data": FUNCTIONS[name]}, protocol)
    with pytest.raises(LegacyError, match=r"sneaky\.pkl: .* asks for ") as caught:
        load(data, "sneaky.pkl")
    module, _, attribute = name.rpartition(".")
    # protocols before 3 write the module's name in Python 2
    assert f".{attribute}" in str(caught.value)
    assert module in str(caught.value) or protocol < 3


def test_a_refused_function_was_not_called(tmp_path):
    target = tmp_path / "made"
    data = pickle.dumps(Calls(os.mkdir, str(target)))
    with pytest.raises(LegacyError, match="mkdir"):
        load(data, "sneaky.pkl")
    assert not target.exists()
    pickle.loads(data)
    assert target.exists(), "the pickle is harmless, the test proves nothing"


@pytest.mark.parametrize(
    "name", ["ndarray.tofile", "dtype.type", "ndarray.__init__", "f2py.os.system"]
)
def test_a_path_of_attributes_is_refused(name):
    with pytest.raises(LegacyError, match=f"asks for numpy.{name}"):
        load(stack_global("numpy", name), "sneaky.pkl")


def test_an_instance_of_a_refused_class_is_refused_in_the_oldest_protocol():
    with pytest.raises(LegacyError, match=r"asks for os\.system"):
        load(b"(S'true'\nios\nsystem\n.", "sneaky.pkl")


def test_an_array_of_objects_is_refused():
    with pytest.raises(LegacyError, match="'O8'"):
        load(pickle.dumps(np.array([{}, []], object)), "sneaky.pkl")


def test_an_array_of_records_is_refused():
    with pytest.raises(LegacyError, match="'V12'"):
        load(pickle.dumps(np.zeros(2, "f8,i4")), "sneaky.pkl")


def test_calling_the_array_class_itself_is_refused():
    with pytest.raises(LegacyError, match="calls an array class"):
        load(call("numpy", "ndarray", (10**13,)), "sneaky.pkl")


def test_a_class_where_data_belong_is_refused():
    with pytest.raises(LegacyError, match="where data belong"):
        load(stack_global("numpy", "ndarray"), "sneaky.pkl")


def test_a_constructor_cannot_be_altered():
    data = stack_global("pathlib", "PurePosixPath")[:-1] + b"}b."
    with pytest.raises(LegacyError, match="state of a constructor"):
        load(data, "sneaky.pkl")


def test_an_array_with_less_data_than_its_shape_is_refused():
    data = pickle.dumps(np.arange(4, dtype=np.int8), protocol=4)
    data = data.replace(b"K\x04\x85", b"K\x05\x85")
    with pytest.raises(LegacyError, match=r"shape \(5,\) and dtype int8 has 4 bytes"):
        load(data, "odd.pkl")


def test_text_to_bytes_by_another_codec_is_refused():
    with pytest.raises(LegacyError, match="'rot13'"):
        load(call("_codecs", "encode", "a", "rot13"), "sneaky.pkl")


def test_a_huge_memo_index_is_refused():
    with pytest.raises(LegacyError, match="memo index"):
        load(b"\x80\x04Nr" + struct.pack("<I", 2**31) + b".", "sneaky.pkl")


def test_a_persistent_id_is_refused():
    with pytest.raises(LegacyError, match="persistent"):
        load(b"P0\n.", "sneaky.pkl")


@given(st.data())
def test_a_truncated_pickle_is_refused_wherever_it_ends(data):
    whole = pickle.dumps({"a": np.arange(5.0), "p": PurePosixPath("a/b"), "l": [1, "b"]}, 4)
    part = whole[: data.draw(st.integers(0, len(whole) - 1))]
    with pytest.raises(LegacyError, match=f"half.pkl \\({len(part)} bytes\\)"):
        load(part, "half.pkl")


@given(st.data())
def test_a_damaged_pickle_is_read_or_refused_and_nothing_else(data):
    whole = bytearray(
        pickle.dumps([np.arange(5.0), PurePosixPath("a"), np.ma.masked_array([1.0], [1])])
    )
    for place in data.draw(st.lists(st.integers(0, len(whole) - 1), min_size=1, max_size=3)):
        whole[place] = data.draw(st.integers(0, 255))
    try:
        read = load(bytes(whole), "damaged.pkl")
    except LegacyError:
        return
    allowed = (
        list | dict | np.ndarray | PurePosixPath | int | float | str | bytes | tuple | set | None
    )
    assert isinstance(read, allowed | np.generic | frozenset | bytearray | complex | bool)


@pytest.mark.parametrize("data", [b"", b"\x89HDF\r\n\x1a\n", b"<html>not found</html>", b"CDF\x01"])
def test_a_file_that_is_no_pickle_is_refused(data):
    with pytest.raises(LegacyError, match=r"wrong.pkl \(.* cannot be read as a pickle"):
        load(data, "wrong.pkl")


def test_the_pickles_of_this_test_are_those_of_the_standard_library():
    out = io.StringIO()
    pickletools.dis(call("pathlib", "PosixPath", "a"), out=out)
    assert "STACK_GLOBAL" in out.getvalue()
    assert pickle.loads(call("pathlib", "PurePosixPath", "a", "b")) == PurePosixPath("a/b")
