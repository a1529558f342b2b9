/** The embedding of every pixel, dealt to workers that compare all of them with one at a time. */

import { consent } from "../reading/fetching.js";
import { Generation } from "../reading/generation.js";
import { LakeError, Stopped } from "../reading/objects.js";
import { traffic } from "../reading/traffic.js";
import { principal } from "./principal.js";
import { LEVELS, NOTHING } from "./vectors.js";

const MOST_WORKERS = 8;
const ARRAY = "embedding";
const MOST_KEPT = 1 << 26; // float32 numbers of which the length is kept too, not the direction alone

export class Embedding {
  /** `path`: of the run's Zarr group below the lake. */
  constructor(objects, path) {
    this.objects = objects;
    this.path = path;
  }

  /** Read all of it, once, after the answer to a question where it is much; progress(share). */
  async load(progress) {
    if (!this.loading) await this.#asked();
    this.loading ??= this.#load(progress).catch((error) => {
      this.close();
      this.loading = null;
      throw error;
    });
    return this.loading;
  }

  async #asked() {
    this.generation ??= await new Generation(this.objects, this.path).open();
    const { shape, data_type: type } = this.generation.metadata[ARRAY];
    const isAllowed = await consent("map", shape[0] * shape[1] * (type === "int8" ? 1 : 4), "All vectors of the run are needed:");
    if (!isAllowed) throw new Stopped();
  }

  async #load(progress) {
    const { shape, chunk_grid: grid, data_type: type } = this.generation.metadata[ARRAY];
    const size = grid.configuration.chunk_shape[0];
    [this.pixels, this.latent] = shape;
    const isKept = type !== "int8" && this.pixels * this.latent <= MOST_KEPT;
    this.isWhole = type === "int8" || isKept;
    const chunks = Math.ceil(this.pixels / size);
    const count = Math.min(MOST_WORKERS, Math.max(1, navigator.hardwareConcurrency || 2), chunks);
    let read = 0;
    this.shares = Array.from({ length: count }, (_, i) => {
      const [first, end] = [i, i + 1].map((k) => Math.round((k * chunks) / count));
      const share = new Share(first * size, () => progress(++read / chunks));
      const base = this.objects.base.href;
      share.loaded = share.ask("load", { base, path: this.path, array: ARRAY, first, end, isKept });
      return share;
    });
    const stop = () => this.shares.forEach((share) => share.stop());
    traffic.signal.addEventListener("abort", stop, { once: true });
    await Promise.all(this.shares.map((share) => share.loaded));
    traffic.signal.removeEventListener("abort", stop);
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

  /** Int16Array (pixel): cosine of every vector to that of the same pixel in another run, times LEVELS; NOTHING: none. */
  async compare(path) {
    const { metadata } = await new Generation(this.objects, path).open();
    const { shape, data_type: type } = metadata[ARRAY];
    if (shape[0] !== this.pixels || shape[1] !== this.latent) {
      throw new LakeError(`${path} has vectors of ${shape[1]} numbers, ${this.path} of ${this.latent}`, "Choose another run");
    }
    const isAllowed = await consent("map", shape[0] * shape[1] * (type === "int8" ? 1 : 4), "All vectors of the second run are needed:");
    if (!isAllowed) throw new Stopped();
    const scores = new Int16Array(this.pixels);
    const argument = { base: this.objects.base.href, path, array: ARRAY };
    await Promise.all(this.shares.map(async (share) => scores.set(await share.ask("compare", argument), share.first)));
    return scores;
  }

  async vector(pixel) {
    const share = this.shares.findLast((candidate) => candidate.first <= pixel);
    return share.ask("vector", pixel - share.first);
  }

  /** The vectors of some pixels, Float32Array (latent) each; NaN where one has none. */
  async rows(pixels) {
    const vectors = new Array(pixels.length);
    await Promise.all(
      this.shares.map(async (share, n) => {
        const end = this.shares[n + 1]?.first ?? this.pixels;
        const own = [...pixels.keys()].filter((i) => pixels[i] >= share.first && pixels[i] < end);
        const rows = await share.ask("rows", own.map((i) => pixels[i] - share.first));
        own.forEach((i, k) => (vectors[i] = rows.subarray(k * this.latent, (k + 1) * this.latent)));
      }),
    );
    return vectors;
  }

  /** { classes, probability } of every pixel, as of Vectors.classify. */
  async classify(model) {
    const [classes, probability] = [new Int8Array(this.pixels), new Uint8Array(this.pixels)];
    await Promise.all(
      this.shares.map(async (share) => {
        const part = await share.ask("classify", model);
        classes.set(part.classes, share.first);
        probability.set(part.probability, share.first);
      }),
    );
    return { classes, probability };
  }

  /** { values, shares }: Float32Array (pixel, 3) along the first principal axes, NaN where there is no vector. */
  axes() {
    this.principal ??= this.#axes();
    return this.principal;
  }

  async #axes() {
    if (!this.isWhole) {
      const count = (this.pixels * this.latent).toLocaleString("en");
      throw new LakeError(`${this.path} holds ${count} float numbers, too many for a browser`, "Draw it: 'lake plot run'");
    }
    const axes = principal(await Promise.all(this.shares.map((share) => share.ask("sums"))));
    const values = new Float32Array(3 * this.pixels);
    await Promise.all(
      this.shares.map(async (share) => values.set(await share.ask("project", axes), 3 * share.first)),
    );
    return { values, shares: axes.shares };
  }

  close() {
    for (const share of this.shares ?? []) share.end();
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
    this.requests = 0; // that the worker makes
    this.worker.onmessage = ({ data }) => {
      if (data.traffic) return this.#traffic(...data.traffic);
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

  #traffic(what, bytes) {
    this.requests += { begin: 1, took: 0, end: -1 }[what];
    traffic[what](bytes);
  }

  /** End the worker. */
  end() {
    this.worker.terminate();
    for (; this.requests > 0; this.requests--) traffic.end();
  }

  /** End it, whoever waits for it. */
  stop() {
    this.end();
    for (const { reject } of this.waiting.values()) reject(new Stopped());
  }

  ask(name, argument) {
    const id = (this.lastId = (this.lastId ?? 0) + 1);
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, name, argument });
    });
  }
}
