"""A whole shard as bytes: the inner chunks of one superblock of one month, and their index.

Zarr reads shards chunk by chunk and writes them through several copies; publishing reads and writes
whole ones, and nothing else: one object, one request, Blosc at its own speed. The bytes are those of
Zarr's `sharding_indexed` codec as `lake.schema` declares it: the encoded inner chunks, then for each
its offset and size as little-endian uint64 (all bits set: no such chunk), then the index' CRC-32C.
A block is float32 (tod, band, metric, pixel, subpixel).
Source: Zarr v3 specification, codec "sharding_indexed", version 1.0, binary shard format.
"""

import google_crc32c
import numpy as np
from numcodecs import blosc
from numpy.typing import NDArray

from lake.errors import FormatError
from lake.order import Layout
from lake.schema import CODEC

Block = NDArray[np.float32]

_NO_CHUNK = np.iinfo(np.uint64).max
_CHECKSUM_BYTES = 4


def encode(block: Block, layout: Layout) -> bytes:
    """The shard of a superblock; the last one may be short."""
    tods, bands, metrics, pixels, subpixels = block.shape
    index = np.full((layout.phases, 2), _NO_CHUNK, "<u8")
    encoded: list[bytes] = []
    offset = 0
    for number, first in enumerate(range(0, pixels, layout.chunk)):
        chunk = np.ascontiguousarray(block[:, :, :, first : first + layout.chunk], "<f4")
        if chunk.shape[3] < layout.chunk:
            rest = (tods, bands, metrics, layout.chunk - chunk.shape[3], subpixels)
            chunk = np.concatenate([chunk, np.full(rest, np.nan, "<f4")], axis=3)
        data: bytes = blosc.compress(
            chunk, CODEC.cname.value.encode(), CODEC.clevel, blosc.BITSHUFFLE, CODEC.blocksize, 4
        )
        index[number] = offset, len(data)
        encoded.append(data)
        offset += len(data)
    checksum = google_crc32c.value(index.tobytes()).to_bytes(_CHECKSUM_BYTES, "little")
    return b"".join([*encoded, index.tobytes(), checksum])


def decode(data: bytes, shape: tuple[int, int, int, int, int], layout: Layout, where: str) -> Block:
    """The block of a shard.

    Args:
        data: the whole object.
        shape: of the block.
        layout: of the store.
        where: of the object, for the message.

    Raises:
        FormatError: the bytes are no such shard.
    """
    whole = (*shape[:3], layout.chunk, shape[4])
    block = np.full(shape, np.nan, np.float32)
    for number, (offset, size) in enumerate(_index(data, layout, where).tolist()):
        if offset == _NO_CHUNK:
            continue
        try:
            chunk = np.frombuffer(blosc.decompress(data[offset : offset + size]), "<f4")
            values = chunk.reshape(whole)
        except (RuntimeError, ValueError) as error:
            raise FormatError(f"{where}: chunk {number} cannot be decoded: {error}") from error
        target = block[:, :, :, number * layout.chunk : (number + 1) * layout.chunk]
        target[...] = values[:, :, :, : target.shape[3]]
    return block


def _index(data: bytes, layout: Layout, where: str) -> NDArray[np.uint64]:
    """(chunk, 2) offset and size."""
    end = len(data) - _CHECKSUM_BYTES
    index = data[end - layout.phases * 16 : end]
    checksum = int.from_bytes(data[end:], "little")
    if len(index) != layout.phases * 16 or google_crc32c.value(index) != checksum:
        raise FormatError(
            f"{where} is no shard of {layout.phases} chunks: its index is damaged; "
            "'lake verify' tells what else is"
        )
    return np.frombuffer(index, "<u8").reshape(-1, 2)
