/** A generation as a store of zarrita: metadata from the root's, objects checked before they are decoded. */

import { LakeError } from "./objects.js";

const DAMAGED = "It is damaged: run 'lake verify KEY' to see what else is, and restore the object";

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value;
});

/** CRC-32C of bytes. */
export function crc32c(bytes) {
  let crc = ~0;
  for (const byte of bytes) crc = CRC_TABLE[(crc ^ byte) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}

export class Generation {
  /** `path`: of the Zarr group below the lake's root. */
  constructor(objects, path) {
    this.objects = objects;
    this.path = path;
  }

  /** Read the consolidated metadata: what every array is. */
  async open() {
    const root = await this.objects.json(
      `${this.path}/zarr.json`,
      "The store was replaced or deleted: load the page again",
    );
    this.attributes = root.attributes;
    this.metadata = { ...root.consolidated_metadata.metadata, "": root };
    return this;
  }

  has(path) {
    return path in this.metadata;
  }

  /** For zarrita: an object, or metadata that are known already. */
  async get(key) {
    const path = key.slice(1);
    if (path.endsWith("zarr.json")) {
      const document = this.metadata[path.replace(/\/?zarr\.json$/, "")];
      return document && new TextEncoder().encode(JSON.stringify(document));
    }
    const body = await this.#body(path);
    checkBlosc(body, this.objects.url(`${this.path}/${path}`));
    return body;
  }

  /** For zarrita: the index of a shard (its end) or an inner chunk. */
  async getRange(key, range) {
    const path = key.slice(1);
    const url = this.objects.url(`${this.path}/${path}`);
    if (range.suffixLength !== undefined) {
      const index = await this.#body(path, `bytes=-${range.suffixLength}`);
      checkIndex(index, range.suffixLength, url);
      return index;
    }
    const last = range.offset + range.length - 1;
    const chunk = await this.#body(path, `bytes=${range.offset}-${last}`);
    checkBlosc(chunk, url, range.length);
    return chunk;
  }

  async #body(path, range) {
    const body = await this.objects.get(`${this.path}/${path}`, range);
    if (!body) throw new LakeError(`${this.objects.url(`${this.path}/${path}`)} is missing`, DAMAGED);
    return body;
  }
}

/** What a decoder threw, as a message that names the object. */
export function damaged(url, error) {
  if (error instanceof LakeError) return error;
  if (error.cause instanceof LakeError) return error.cause;
  return new LakeError(`${url} cannot be decoded (${error.message ?? error})`, DAMAGED);
}

function checkIndex(index, length, url) {
  const end = index.length - 4;
  const sum = end < 0 ? 0 : new DataView(index.buffer, index.byteOffset + end).getUint32(0, true);
  if (index.length !== length || crc32c(index.subarray(0, end)) !== sum) {
    throw new LakeError(`${url} has an index that fails its checksum`, DAMAGED);
  }
}

/** Blosc's header tells the size of what is encoded. */
function checkBlosc(chunk, url, length = chunk.length) {
  const declared = chunk.length < 16 ? 0 : new DataView(chunk.buffer, chunk.byteOffset).getUint32(12, true);
  if (chunk.length !== length || declared !== length) {
    throw new LakeError(`${url} holds ${chunk.length} bytes that say ${declared}, wanted ${length}`, DAMAGED);
  }
}
