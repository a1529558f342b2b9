"""Reads pickles that contain arrays, without running anything that they ask for.

A pickle names functions and the reader calls them. Here a name is looked up in one closed table
whose entries are our own constructors, never NumPy's or Python's functions: they check every
argument, and a pickle can neither reach nor change anything behind them. Supported are builtin
containers and scalars, NumPy arrays, masked arrays, scalars and dtypes of numbers, booleans and
text (written by NumPy 1 or 2, any protocol), and paths. Paths become `PurePosixPath`, so that they
work on any machine. Everything else is refused by name.
Source: NumPy, `numpy/_core/src/multiarray/methods.c`, `array_reduce` and `array_setstate`, and
`numpy/ma/core.py`, `MaskedArray.__reduce__`, for what the states hold.
"""

import io
import math
import pickle
import pickletools
import re
from collections.abc import Callable, Mapping
from pathlib import PurePath, PurePosixPath, PureWindowsPath
from typing import Any, Self, cast

import numpy as np
from numpy.typing import NDArray

from lake.console.messages import brief
from lake.errors import LegacyError

_DTYPE = re.compile(r"[|<>=]?[biufSU]\d*")
_REFUSED = (
    pickle.UnpicklingError,
    EOFError,
    ValueError,
    TypeError,
    IndexError,
    KeyError,
    AttributeError,
    ImportError,
    OverflowError,
    MemoryError,
    RecursionError,
)
"""Exceptions of the standard library's unpickler, and of our constructors, for bytes that are no such
pickle."""

NO_NUMBER = (TypeError, ValueError, OverflowError)
"""Exceptions of `int` and `float` for what is no number, or too large."""


def load(data: bytes, path: str) -> object:
    """The object in the pickle `data`; `path` is for messages.

    Raises:
        LegacyError: it is truncated or no pickle, or asks for anything but arrays, builtin
            containers and paths; the message names the class.
    """
    try:
        _check_memo(data)
        return _plain(_Unpickler(io.BytesIO(data)).load())
    except LegacyError as error:
        raise LegacyError(f"{path}: {error}") from error
    except _REFUSED as error:
        raise LegacyError(
            f"{path} ({len(data)} bytes) cannot be read as a pickle: {error or type(error).__name__}; "
            "wanted a whole file of the original study, copy it again"
        ) from error


def unlike(path: str, contents: object, expected: str) -> LegacyError:
    """The error for a pickle whose contents are not what was expected."""
    kind = type(contents).__name__
    return LegacyError(
        f"{path} holds {kind} {brief(contents)}: "
        f"wanted {expected}, as the original study's programs wrote it"
    )


def _check_memo(data: bytes) -> None:
    """Refuse a memo index larger than the file: it would make a table of many gigabytes."""
    for opcode, argument, _ in pickletools.genops(data):
        if opcode.name in ("PUT", "LONG_BINPUT") and int(argument or 0) > len(data):
            raise pickle.UnpicklingError(f"memo index {argument} in {len(data)} bytes")


class _Maker:
    """A constructor that a pickle may call but not change."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[..., object]) -> None:
        self._make = make

    def __call__(self, *args: object) -> object:
        return self._make(*args)

    def __setstate__(self, state: object) -> None:
        raise pickle.UnpicklingError("it sets the state of a constructor")


class _Dtype:
    """A dtype that is being read: NumPy gives its byte order and width as a state after its name."""

    __slots__ = ("dtype",)

    def __init__(self, text: object, *_: object) -> None:
        if not isinstance(text, str) or not _DTYPE.fullmatch(text):
            raise LegacyError(
                f"asks for numpy.dtype({text!r}): only numbers, booleans and text are read"
            )
        self.dtype = np.dtype(text)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        order, fields, width = state[1], state[2:5], state[5]
        if order not in ("<", ">", "|", "=") or any(fields):
            raise pickle.UnpicklingError(f"dtype state {state!r} is none of a plain dtype")
        if self.dtype.kind in "SU" and width > 0:
            self.dtype = np.dtype(
                f"{self.dtype.kind}{width // (4 if self.dtype.kind == 'U' else 1)}"
            )
        self.dtype = self.dtype.newbyteorder(order)


class _Array(np.ndarray[Any, np.dtype[Any]]):
    """An array that is being read; `_plain` makes a plain array of it."""

    def __new__(cls) -> Self:
        return super().__new__(cls, (0,), np.int8)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        shape, dtype, fortran, raw = state[-4:]
        checked: Any = (1, shape, _checked(shape, dtype, raw), bool(fortran), bytes(raw))
        super().__setstate__(checked)


class _Masked(np.ma.MaskedArray[Any, np.dtype[Any]]):
    """A masked array that is being read."""

    def __new__(cls) -> Self:
        empty = super().__new__(cls, np.empty((0,), np.int8), mask=np.empty((0,), bool))
        return cast("Self", empty)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, fortran, raw, mask, fill = state
        dtype = _checked(shape, dtype, raw)
        _checked(shape, _Dtype("|b1"), mask)
        if not (fill is None or isinstance(fill, _Array | np.generic | bool | int | float)):
            raise pickle.UnpicklingError(f"fill value {fill!r} is none of a masked array")
        checked: Any = (1, shape, dtype, bool(fortran), bytes(raw), bytes(mask), fill)
        super().__setstate__(checked)


def _checked(shape: object, dtype: object, raw: object) -> np.dtype[Any]:
    """The dtype of an array, after a check that its buffer fills its shape exactly."""
    if not isinstance(dtype, _Dtype) or not isinstance(raw, bytes | bytearray):
        raise pickle.UnpicklingError("array state without a dtype and a buffer")
    if not isinstance(shape, tuple) or not all(isinstance(n, int) and n >= 0 for n in shape):
        raise pickle.UnpicklingError(f"array shape {shape!r} is no tuple of sizes")
    if math.prod(shape) * dtype.dtype.itemsize != len(raw):
        raise pickle.UnpicklingError(
            f"array of shape {shape} and dtype {dtype.dtype} has {len(raw)} bytes of data"
        )
    return dtype.dtype


def _array(kind: object, *_: object) -> object:
    """An empty array, plain or masked as `kind` says; its state follows in the pickle."""
    if kind is _NDARRAY:
        return _Array()
    if kind is _MASKEDARRAY:
        return _Masked()
    raise pickle.UnpicklingError("it makes an array of a class that is no array")


def _from_buffer(
    raw: bytes, dtype: _Dtype, shape: tuple[int, ...], order: str, *_: object
) -> object:
    array = _Array()
    array.__setstate__((shape, dtype, order == "F", raw))
    return array


def _scalar(dtype: _Dtype, raw: object) -> object:
    # protocols before 3 write bytes as Latin-1 text
    raw = raw.encode("latin-1") if isinstance(raw, str) else raw
    return np.frombuffer(bytes(raw), _checked((), dtype, raw))[0]  # type: ignore[call-overload]


def _posix(*parts: str) -> PurePosixPath:
    return PurePosixPath(*parts)


def _windows(*parts: str) -> PurePosixPath:
    return PurePosixPath(PureWindowsPath(*parts).as_posix())


def _latin1(text: str, encoding: str) -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise LegacyError(f"asks for _codecs.encode to {encoding!r}: only latin1 is read")
    return text.encode("latin-1")


def _no_bytes() -> bytes:
    """Empty bytes, which protocols before 3 write as a call."""
    return b""


def _not_called(*_: object) -> object:
    raise pickle.UnpicklingError("it calls an array class itself")


_NDARRAY, _MASKEDARRAY = _Maker(_not_called), _Maker(_not_called)


def _table() -> Mapping[tuple[str, str], _Maker]:
    array, posix, windows = _Maker(_array), _Maker(_posix), _Maker(_windows)
    table = {
        ("numpy", "ndarray"): _NDARRAY,
        ("numpy", "dtype"): _Maker(_Dtype),
        ("numpy.ma", "MaskedArray"): _MASKEDARRAY,
        ("numpy.ma.core", "MaskedArray"): _MASKEDARRAY,
        ("numpy.ma.core", "_mareconstruct"): array,
        ("_codecs", "encode"): _Maker(_latin1),
    }
    for core in ("numpy.core", "numpy._core"):
        table[f"{core}.multiarray", "_reconstruct"] = array
        table[f"{core}.multiarray", "scalar"] = _Maker(_scalar)
        table[f"{core}.numeric", "_frombuffer"] = _Maker(_from_buffer)
    for pathlib in ("pathlib", "pathlib._local"):
        table |= {(pathlib, name): posix for name in ("PosixPath", "PurePosixPath")}
        table |= {(pathlib, name): windows for name in ("WindowsPath", "PureWindowsPath")}
    for builtins in ("builtins", "__builtin__"):
        table |= {(builtins, kind.__name__): _Maker(kind) for kind in (set, frozenset)}
        table[builtins, "bytes"] = _Maker(_no_bytes)
    return table


_TABLE = _table()


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401
        """The constructor of that name.

        Raises:
            LegacyError: the table has none.
        """
        if (module, name) not in _TABLE:
            raise LegacyError(
                f"the pickle asks for {module}.{name}: only NumPy arrays, builtin containers and "
                "pathlib paths are read, anything else could run code; find out who wrote it"
            )
        return _TABLE[module, name]


def _plain(thing: object) -> object:
    """The same object with plain arrays, in containers of any depth."""
    match thing:
        case _Masked():
            return thing.view(np.ma.MaskedArray)
        case _Array():
            return _own(thing)
        case dict():
            return {_plain(key): _plain(value) for key, value in thing.items()}
        case list() | tuple() | set() | frozenset():
            return type(thing)(_plain(item) for item in thing)
        case _Maker() | _Dtype():
            raise LegacyError("the pickle holds a class or a dtype where data belong")
        case str() | bytes() | bytearray() | bool() | int() | float() | complex() | None:
            return thing
        case np.generic() | PurePath():
            return thing
    raise LegacyError(f"the pickle holds a {type(thing).__qualname__} where data belong")


def _own(array: _Array) -> NDArray[Any]:
    return array.view(np.ndarray)
