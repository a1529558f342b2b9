"""A whole shard as bytes: the inner chunks of one superblock of one month, and their index.

Zarr reads shards chunk by chunk and writes them through several copies; publishing reads and writes
whole ones, and nothing else: one object, one request, Blosc at its own speed. The bytes are those of
Zarr's `sharding_indexed` codec as `lake.format.schema` declares it: the encoded inner chunks, then for each
its offset and size as little-endian uint64 (all bits set: no such chunk), then the index' CRC-32C.
A block is float32 (tod, band, metric, pixel, subpixel).
Source: Zarr v3 specification, codec "sharding_indexed", version 1.0, binary shard format.
"""

import struct
from typing import Any

import google_crc32c
import numpy as np
from numcodecs import blosc
from numpy.typing import NDArray
from zarr.codecs import BloscCodec

from lake.errors import FormatError
from lake.format.order import Layout
from lake.format.schema import CODEC
from lake.storage.objects import Bytes

Block = NDArray[np.float32]

NO_CHUNK = int(np.iinfo(np.uint64).max)
_CHECKSUM_BYTES = 4
_HEADER = struct.Struct("<4x3I")
"""The header of Blosc: bytes decoded, bytes of a block, bytes encoded."""


def encode(block: Block, layout: Layout) -> bytes:
    """The shard of a superblock; the last one may be short."""
    tods, bands, metrics, pixels, subpixels = block.shape
    spans = np.full((layout.phases, 2), NO_CHUNK, "<u8")
    encoded: list[bytes] = []
    offset = 0
    for number, first in enumerate(range(0, pixels, layout.chunk)):
        chunk = np.ascontiguousarray(block[:, :, :, first : first + layout.chunk], "<f4")
        if chunk.shape[3] < layout.chunk:
            rest = (tods, bands, metrics, layout.chunk - chunk.shape[3], subpixels)
            chunk = np.concatenate([chunk, np.full(rest, np.nan, "<f4")], axis=3)
        data = compress(chunk, CODEC)
        spans[number] = offset, len(data)
        encoded.append(data)
        offset += len(data)
    checksum = google_crc32c.value(spans.tobytes()).to_bytes(_CHECKSUM_BYTES, "little")
    return b"".join([*encoded, spans.tobytes(), checksum])


def decode(
    data: Bytes, shape: tuple[int, int, int, int, int], layout: Layout, location: str
) -> Block:
    """The block of a shard.

    Args:
        data: the whole object.
        shape: of the block.
        layout: of the store.
        location: of the object, for the message.

    Raises:
        FormatError: the bytes are no such shard.
    """
    block = np.empty(shape, np.float32)
    for number, (offset, size) in enumerate(index(data, layout, location)):
        start = number * layout.chunk
        if start < shape[3]:
            encoded = b"" if offset == NO_CHUNK else data[offset : offset + size]
            decode_chunk(encoded, block, start, layout, f"{location}, chunk {number}")
    return block


def decode_chunk(data: Bytes, block: Block, start: int, layout: Layout, location: str) -> None:
    """Put what a chunk holds into a block: in place, without a copy, where the block is the chunk.

    Args:
        data: encoded; empty: no such chunk, NaN.
        block: C-contiguous.
        start: first pixel of the chunk, counted from the block's first; may lie before it.
        layout: of the store.
        location: of the chunk, for the message.

    Raises:
        FormatError: the bytes are no such chunk.
    """
    target = block[:, :, :, max(start, 0) : start + layout.chunk]
    if not data:
        target[...] = np.nan
        return
    is_whole = target.shape[3] == block.shape[3] == layout.chunk
    chunk = (
        target if is_whole else np.empty((*block.shape[:3], layout.chunk, block.shape[4]), "<f4")
    )
    decompress(data, chunk, location, "'lake verify' tells what else is damaged")
    if not is_whole:
        skipped = max(-start, 0)
        target[...] = chunk[:, :, :, skipped : skipped + target.shape[3]]


def compress(chunk: NDArray[Any], codec: BloscCodec) -> bytes:
    """An array, C-contiguous, compressed as a Blosc codec of Zarr with bitshuffle does it."""
    about: Any = codec.to_dict()["configuration"]  # its fields are enums or strings, by release
    data: bytes = blosc.compress(
        chunk,
        about["cname"].encode(),
        about["clevel"],
        blosc.BITSHUFFLE,
        about["blocksize"],
        chunk.itemsize,
    )
    return data


def decompress(data: Bytes, target: NDArray[Any], location: str, hint: str) -> None:
    """Fill an array, C-contiguous, with what Blosc made of one of its size.

    Raises:
        FormatError: the bytes are no such thing; says where they are, and the hint.
    """
    nbytes, _, size = _HEADER.unpack_from(bytes(data[: _HEADER.size]).ljust(_HEADER.size, b"\0"))
    if (nbytes, size) != (target.nbytes, len(data)):
        raise FormatError(
            f"{location} says {nbytes} bytes in {size}, wanted {target.nbytes} in {len(data)}: it is "
            f"damaged; {hint}"
        )
    try:
        blosc.decompress(data, target.reshape(-1).view(np.uint8))
    except RuntimeError as error:
        raise FormatError(f"{location} cannot be decoded: {error}; {hint}") from error


def index_bytes(layout: Layout) -> int:
    """The size in bytes of the index, which is the end of the shard."""
    return layout.phases * 16 + _CHECKSUM_BYTES


def index(data: Bytes, layout: Layout, location: str) -> list[tuple[int, int]]:
    """Offset and size of every chunk, from a shard or its end; offset `NO_CHUNK`: it lacks the chunk.

    Raises:
        FormatError: the bytes are no index.
    """
    return spans(data, layout.phases, location)


def spans(data: Bytes, count: int, location: str) -> list[tuple[int, int]]:
    """`index` of a shard of so many chunks, of any array.

    Raises:
        FormatError: the bytes are no index.
    """
    end = len(data) - _CHECKSUM_BYTES
    numbers = bytes(data[max(end - count * 16, 0) : end])
    checksum = int.from_bytes(data[max(end, 0) :], "little")
    if len(numbers) != count * 16 or google_crc32c.value(numbers) != checksum:
        raise FormatError(
            f"{location} is no shard of {count} chunks: its index is damaged; "
            "'lake verify' tells what else is"
        )
    offsets, sizes = np.frombuffer(numbers, "<u8").reshape(-1, 2).T.tolist()
    return list(zip(offsets, sizes, strict=True))
