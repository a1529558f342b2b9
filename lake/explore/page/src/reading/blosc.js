/**
 * Decodes what Blosc packed by Zstandard with bitshuffle, as every array of a lake is; nothing else.
 *
 * Source: c-blosc 1.21, README_CHUNK_FORMAT.rst and bitshuffle-generic.c. Zstandard is the one of zstddec,
 * compiled to WebAssembly.
 */

import program from "./zstd.wasm";

const HEADER = 16; // bytes
const [COPIED, BITSHUFFLED, SHUFFLED, IS_WHOLE] = [2, 4, 1, 16]; // flags; the last: blocks are one stream each
const ZSTD = 4;
const LEAST_SPLIT = 128; // elements of a block that is split
const MOST_SPLITS = 16;

let zstd;

/** The decoder for zarrita: a codec without settings. */
export default {
  fromConfig: () => ({ kind: "bytes_to_bytes", decode }),
};

/** The bytes that `chunk` was made of; an error if it is damaged. */
export async function decode(chunk) {
  zstd ??= await started();
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  const [flags, size] = [chunk[2], chunk[3]];
  const [total, block] = [view.getUint32(4, true), view.getUint32(8, true)];
  if (flags & COPIED) return wanted(chunk.slice(HEADER, HEADER + total), total);
  if (flags >> 5 !== ZSTD || flags & SHUFFLED) throw new Error("it is not packed by Zstandard and bitshuffle");
  const bytes = new Uint8Array(total);
  for (let start = 0, number = 0; start < total; start += block, number++) {
    const length = Math.min(block, total - start);
    const isSplit = !(flags & IS_WHOLE) && size <= MOST_SPLITS && block / size >= LEAST_SPLIT && length === block;
    const unpacked = streams(chunk, view, view.getUint32(HEADER + 4 * number, true), length, isSplit ? size : 1);
    const target = bytes.subarray(start, start + length);
    if (flags & BITSHUFFLED && length % (8 * size) === 0) unshuffle(unpacked, target, size);
    else target.set(unpacked);
  }
  return bytes;
}

/** The streams of a block, one after the other: each its size and what was packed, or copied where as large. */
function streams(chunk, view, at, length, count) {
  const block = new Uint8Array(length);
  const each = length / count;
  for (let start = 0; start < length; start += each) {
    const size = view.getInt32(at, true);
    const packed = chunk.subarray(at + 4, at + 4 + size);
    wanted(packed, size);
    block.set(size === each ? packed : unpack(packed, each), start);
    at += 4 + size;
  }
  return block;
}

function unpack(packed, length) {
  const { malloc, free, memory, ZSTD_decompress } = zstd;
  const source = malloc(packed.length);
  const target = malloc(length);
  try {
    new Uint8Array(memory.buffer).set(packed, source);
    if (ZSTD_decompress(target, length, source, packed.length) !== length) throw new Error("Zstandard finds it damaged");
    return new Uint8Array(memory.buffer).slice(target, target + length);
  } finally {
    free(source);
    free(target);
  }
}

async function started() {
  const env = { emscripten_notify_memory_growth() {} };
  return (await WebAssembly.instantiate(program, { env })).instance.exports;
}

function wanted(bytes, length) {
  if (bytes.length !== length) throw new Error(`it ends after ${bytes.length} bytes, wanted ${length}`);
  return bytes;
}

/** Elements of `size` bytes from their bits: row k of `source` holds bit k of every element. */
function unshuffle(source, target, size) {
  const row = source.length / size / 8; // bytes
  for (let byte = 0; byte < size; byte++) {
    const first = 8 * byte * row;
    for (let i = 0, at = byte; i < row; i++) {
      let k = first + i;
      let low = source[k] | (source[(k += row)] << 8) | (source[(k += row)] << 16) | (source[(k += row)] << 24);
      let high = source[(k += row)] | (source[(k += row)] << 8) | (source[(k += row)] << 16) | (source[k + row] << 24);
      // 8 x 8 bits, transposed: Warren, Hacker's Delight, 2nd edition, section 7-3
      let swapped = (low ^ (low >>> 7)) & 0x00aa00aa;
      low ^= swapped ^ (swapped << 7);
      swapped = (high ^ (high >>> 7)) & 0x00aa00aa;
      high ^= swapped ^ (swapped << 7);
      swapped = (low ^ (low >>> 14)) & 0x0000cccc;
      low ^= swapped ^ (swapped << 14);
      swapped = (high ^ (high >>> 14)) & 0x0000cccc;
      high ^= swapped ^ (swapped << 14);
      swapped = ((low >>> 4) ^ high) & 0x0f0f0f0f;
      low ^= swapped << 4;
      high ^= swapped;
      for (let shift = 0; shift < 32; shift += 8, at += size) target[at] = low >>> shift;
      for (let shift = 0; shift < 32; shift += 8, at += size) target[at] = high >>> shift;
    }
  }
}
