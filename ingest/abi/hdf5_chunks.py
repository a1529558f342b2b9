"""The chunks of one HDF5 variable, found by HDF5, but read and inflated without it, only where wanted.

HDF5 holds one lock for the whole process and inflates with plain zlib. Here it tells where the bytes
of a chunk lie in the file; they are taken from a memory map and inflated with libdeflate. What is
stored in another way (other filters than shuffle and deflate, compact storage) is read by HDF5 as one
chunk. Chunks at the far edges are cut to the variable's shape.
"""

import importlib
import mmap
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import deflate
import h5py
import numpy as np
from numpy.typing import NDArray

from lake.errors import GranuleError

Image = NDArray[Any]
Window = tuple[slice, slice]
"""Rows and columns of an image, each from a start to a stop."""
Selection = NDArray[np.bool_]

StoreInfo = Any
"""`h5py.h5d.StoreInfo`: chunk_offset, filter_mask, byte_offset, size."""
SHUFFLE, DEFLATE = h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_DEFLATE
FILTERS = {
    307: "bzip2",
    32001: "Blosc",
    32004: "LZ4",
    32008: "bitshuffle",
    32013: "ZFP",
    32015: "Zstandard",
    32026: "Blosc2",
}
"""Names of filters that HDF5 does not bring, by their registered codes.

Source: The HDF Group, registered filter plugins.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Chunks:
    """A variable of two dimensions in a file that is mapped into memory."""

    path: str
    """Of the source, for messages."""
    name: str
    shape: tuple[int, int]
    chunk: tuple[int, int]
    """Shape of a whole chunk."""
    dtype: np.dtype[Any]
    """As stored."""
    kind: np.dtype[Any]
    """As meant: unsigned where the file says so."""
    fill: Any
    """Value of chunks that were never written."""
    filters: tuple[int, ...]
    """Codes of HDF5, in the order of writing."""
    data: memoryview
    """The whole file."""
    places: dict[tuple[int, int], StoreInfo]
    """By first row and column: where the bytes of a chunk lie, and which filters were not applied."""
    whole_image: Image | None = None
    """What HDF5 had to read itself, in place of all others."""

    @property
    def grid(self) -> tuple[int, int]:
        """How many (rows, columns) of chunks there are."""
        return -(-self.shape[0] // self.chunk[0]), -(-self.shape[1] // self.chunk[1])

    @property
    def whole(self) -> Window:
        """All rows and columns."""
        return slice(0, self.shape[0]), slice(0, self.shape[1])

    def each(self, selection: Selection | None = None) -> Iterator[tuple[int, int, Image]]:
        """First row, first column and values of every chunk, or of those wanted.

        Args:
            selection: True = wanted, of the shape of `grid`.

        Raises:
            GranuleError: the bytes of a chunk are not what they should be.
        """
        numbers = np.argwhere(np.ones(self.grid, bool) if selection is None else selection)
        for row, column in (numbers * self.chunk).tolist():
            yield row, column, self._block(row, column)

    def image(self, selection: Selection | None = None) -> Image:
        """(y, x) The whole variable; the fill value in chunks that are not wanted.

        Raises:
            GranuleError: as `each`.
        """
        image = np.full(self.shape, self.fill, self.dtype).view(self.kind)
        for row, column, block in self.each(selection):
            image[row : row + block.shape[0], column : column + block.shape[1]] = block
        return image

    def window(self, window: Window) -> Image:
        """(y, x) The values in a window, of whose chunks alone the bytes are read.

        Raises:
            GranuleError: as `each`.
        """
        rows, columns = window
        image = np.empty((rows.stop - rows.start, columns.stop - columns.start), self.kind)
        selection = np.zeros(self.grid, bool)
        selection[_spanned(rows, self.chunk[0]), _spanned(columns, self.chunk[1])] = True
        for row, column, block in self.each(selection):
            within, place = zip(
                _overlap(rows, row, block.shape[0]),
                _overlap(columns, column, block.shape[1]),
                strict=True,
            )
            image[place] = block[within]
        return image

    def _block(self, row: int, column: int) -> Image:
        if self.whole_image is not None:
            return self.whole_image
        (rows, columns), (height, width) = self.chunk, self.shape
        place = self.places.get((row, column))
        if place is None:
            block = np.full(self.chunk, self.fill, self.dtype)
        else:
            try:
                block = np.frombuffer(self._decoded(place), self.dtype).reshape(self.chunk)
            except (deflate.DeflateError, ValueError) as error:
                raise GranuleError(
                    f"{self.path}: the chunk of {self.name} at {(row, column)} is damaged: found "
                    f"{place.size} bytes at {place.byte_offset}, {error}; wanted {rows} x {columns} "
                    f"values of {self.dtype}: fetch it again"
                ) from error
        if row + rows > height or column + columns > width:
            block = np.ascontiguousarray(block[: height - row, : width - column])
        if not self.dtype.isnative:
            block = block.astype(self.dtype.newbyteorder("="))
        return block.view(self.kind)

    def _decoded(self, place: StoreInfo) -> Any:  # noqa: ANN401 (whatever holds bytes)
        _, skipped, offset, size = place
        values, width = self.chunk[0] * self.chunk[1], self.dtype.itemsize
        data: Any = self.data[offset : offset + size]
        for number in range(len(self.filters) - 1, -1, -1):
            if skipped >> number & 1:
                continue
            if self.filters[number] == DEFLATE:
                data = deflate.zlib_decompress(data, values * width)
            else:
                planes = np.frombuffer(data, np.uint8).reshape(width, values)
                data = np.ascontiguousarray(planes.T)
        return data


def _spanned(axis: slice, chunk: int) -> slice:
    """Numbers of the chunks along an axis that a window touches."""
    return slice(axis.start // chunk, -(-axis.stop // chunk))


def _overlap(axis: slice, begin: int, size: int) -> tuple[slice, slice]:
    """Where a chunk and a window overlap along an axis: positions in the chunk, and in the window."""
    first, stop = max(axis.start, begin), min(axis.stop, begin + size)
    return slice(first - begin, stop - begin), slice(first - axis.start, stop - axis.start)


def chunks_of(dataset: h5py.Dataset, data: memoryview, path: str) -> Chunks:
    """The chunks of a variable of an open file; they can be read when the file is closed.

    Args:
        dataset: of two dimensions; integers, of which `_Unsigned` says what was meant.
        data: the whole file, from `mapped`.
        path: of the source, for messages.
    """
    properties = dataset.id.get_create_plist()
    layout, filters = properties.get_layout(), _filters(properties)
    chunks = Chunks(
        path=path,
        name=dataset.name.lstrip("/"),
        shape=dataset.shape,
        chunk=dataset.shape,
        dtype=dataset.dtype,
        kind=_kind(dataset),
        fill=dataset.fillvalue,
        filters=filters,
        data=data,
        places={},
    )
    if layout == h5py.h5d.CHUNKED and set(filters) <= {SHUFFLE, DEFLATE}:
        return replace(chunks, chunk=dataset.chunks, places=_places(dataset))
    offset = dataset.id.get_offset()
    if layout == h5py.h5d.CONTIGUOUS and offset is not None:
        return replace(
            chunks, places={(0, 0): h5py.h5d.StoreInfo((0, 0), 0, offset, dataset.nbytes)}
        )
    values = _read_by_hdf5(dataset, filters, path)
    native = values.astype(values.dtype.newbyteorder("="), copy=False)
    return replace(chunks, whole_image=native.view(chunks.kind))


def _read_by_hdf5(dataset: h5py.Dataset, filters: Sequence[int], path: str) -> Image:
    """The whole variable, through filters that HDF5 has, or that the package hdf5plugin gives it.

    Raises:
        GranuleError: it has not one of the filters.
    """
    if any(not h5py.h5z.filter_avail(code) for code in filters):
        with suppress(ImportError):
            importlib.import_module("hdf5plugin")  # importing it registers its filters
    try:
        return np.asarray(dataset[()])
    except OSError as error:
        missing = [code for code in filters if not h5py.h5z.filter_avail(code)]
        if not missing:
            raise
        names = ", ".join(f"{FILTERS.get(code, 'unknown')} ({code})" for code in missing)
        raise GranuleError(
            f"{path}: {dataset.name.lstrip('/')} is stored through the HDF5 filter {names}, which is not "
            "there: pip install hdf5plugin where files are read (every worker), and run again"
        ) from error


def mapped(local: str) -> memoryview:
    """The bytes of a local file, without reading them; given back when nobody holds them any more.

    Raises:
        OSError: it cannot be opened, or is empty.
    """
    with open(local, "rb") as file:  # noqa: PTH123 (mmap wants a descriptor)
        try:
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        except ValueError as error:
            raise OSError(str(error)) from error


def _kind(dataset: h5py.Dataset) -> np.dtype[Any]:
    """Native type: netCDF-3 types are signed, `_Unsigned` says what was meant."""
    kind: np.dtype[Any] = dataset.dtype.newbyteorder("=")
    unsigned = dataset.attrs.get("_Unsigned", b"")
    if kind.kind == "i" and isinstance(unsigned, bytes | str) and unsigned in (b"true", "true"):
        return np.dtype(f"u{kind.itemsize}")
    return kind


def _filters(properties: h5py.h5p.PropDCID) -> tuple[int, ...]:
    return tuple(properties.get_filter(n)[0] for n in range(properties.get_nfilters()))


def _places(dataset: h5py.Dataset) -> dict[tuple[int, int], StoreInfo]:
    places = {}

    def note(chunk: StoreInfo) -> None:
        places[chunk.chunk_offset] = chunk

    dataset.id.chunk_iter(note)
    return places
