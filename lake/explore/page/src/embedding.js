/** The embedding of every pixel, dealt to workers that compare all of them with one at a time. */

import { Generation } from "./generation.js";
import { LakeError } from "./objects.js";
import { LEVELS, NOTHING } from "./vectors.js";

const MOST_WORKERS = 8;
const ARRAY = "embedding";

export class Embedding {
  /** `path`: of the run's Zarr group below the lake. */
  constructor(objects, path) {
    this.objects = objects;
    this.path = path;
  }

  /** Read all of it, once; progress(share). */
  load(progress) {
    this.loading ??= this.#load(progress).catch((error) => {
      this.close();
      this.loading = null;
      throw error;
    });
    return this.loading;
  }

  async #load(progress) {
    const generation = await new Generation(this.objects, this.path).open();
    const { shape, chunk_grid: grid } = generation.metadata[ARRAY];
    const size = grid.configuration.chunk_shape[0];
    [this.pixels, this.latent] = shape;
    const chunks = Math.ceil(this.pixels / size);
    const count = Math.min(MOST_WORKERS, Math.max(1, navigator.hardwareConcurrency || 2), chunks);
    let read = 0;
    this.shares = Array.from({ length: count }, (_, i) => {
      const [first, end] = [i, i + 1].map((k) => Math.round((k * chunks) / count));
      const share = new Share(first * size, () => progress(++read / chunks));
      const base = this.objects.base.href;
      share.loaded = share.ask("load", { base, path: this.path, array: ARRAY, first, end });
      return share;
    });
    await Promise.all(this.shares.map((share) => share.loaded));
  }

  /** Int16Array (pixel): cosine of every pixel to one, times LEVELS; null if that one has no embedding. */
  async search(pixel) {
    const vector = await this.vector(pixel);
    if (vector.every((x) => x === 0)) return null;
    const scores = new Int16Array(this.pixels);
    await Promise.all(
      this.shares.map(async (share) => scores.set(await share.ask("search", vector), share.first)),
    );
    return scores;
  }

  async vector(pixel) {
    const share = this.shares.findLast((candidate) => candidate.first <= pixel);
    return share.ask("vector", pixel - share.first);
  }

  /** Int8Array (pixel, 3): the first three numbers; -128 where there is no embedding. */
  async axes() {
    const numbers = new Int8Array(3 * this.pixels);
    await Promise.all(
      this.shares.map(async (share) => numbers.set(await share.ask("axes"), 3 * share.first)),
    );
    return numbers;
  }

  close() {
    for (const share of this.shares ?? []) share.worker.terminate();
    this.shares = [];
  }
}

/** Cosine of a score; NaN where there is none. */
export function cosine(score) {
  return score === NOTHING ? NaN : score / LEVELS;
}

/** One worker, asked by name. */
class Share {
  constructor(first, read) {
    this.first = first;
    this.worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
    this.waiting = new Map();
    this.worker.onmessage = ({ data }) => {
      if (data.read) return read();
      const { resolve, reject } = this.waiting.get(data.id);
      this.waiting.delete(data.id);
      if ("error" in data) reject(data.isOurs ? new LakeError(data.error) : new Error(data.error));
      else resolve(data.answer);
    };
    this.worker.onerror = (event) => {
      for (const { reject } of this.waiting.values()) reject(new Error(event.message));
    };
  }

  ask(name, argument) {
    const id = (this.lastId = (this.lastId ?? 0) + 1);
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, name, argument });
    });
  }
}
