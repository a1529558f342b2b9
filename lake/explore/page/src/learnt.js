/** What runs gave to the pixels of a store, as layers of the map; one embedding is kept in memory. */

import { Embedding } from "./embedding.js";
import { LEARNT } from "./choices.js";
import { components, labels } from "./layers.js";
import { Similar } from "./similar.js";

export class Learnt {
  /** pixels: as of layers.js, of the store; runs: those of its pixels. */
  constructor(objects, pixels, runs) {
    this.objects = objects;
    this.pixels = pixels;
    this.runs = runs;
    this.embedding = undefined; // { run, embedding }
  }

  /** A layer; `a`: the pixel that others are compared with; progress(share) of reading. */
  async layer({ show, run }, a, progress) {
    const { path, arrays, classes } = this.runs.find((candidate) => candidate.id === run);
    if (show === "classes") {
      const name = LEARNT.classes.find((array) => arrays.includes(array));
      return this.pixels.classes(await labels(this.objects, path, name), classes);
    }
    if (show === "components") {
      return this.pixels.rgb(await components(this.objects, path), { title: "first three components" });
    }
    const embedding = await this.embeddingOf(run, progress);
    if (show === "rgb") {
      const { values, shares } = await embedding.axes();
      return this.pixels.rgb(values, { title: "first three principal axes of the embedding", shares });
    }
    if (a === undefined) return empty("similarity (cosine)", "choose a pixel: land like it will stand out");
    const scores = await embedding.search(a);
    if (!scores) return empty(`pixel ${a}`, "it has no embedding: choose another one");
    this.similar ??= new Similar(this.pixels);
    return this.similar.layer(scores, a);
  }

  /** Cosine of two pixels by a run whose embedding is in memory; undefined: it is not; NaN: a pixel has none. */
  async cosine(run, a, b) {
    const embedding = this.embedding?.run === run ? this.embedding.embedding : undefined;
    if (!embedding?.shares?.length) return undefined;
    const [one, other] = await Promise.all([a, b].map((pixel) => embedding.vector(pixel)));
    const dot = one.reduce((sum, x, i) => sum + x * other[i], 0);
    return dot / (Math.hypot(...one) * Math.hypot(...other));
  }

  close() {
    this.embedding?.embedding.close();
    this.embedding = undefined;
  }

  /** The embedding of a run, in memory; progress(share) of reading. */
  async embeddingOf(run, progress) {
    if (this.embedding?.run !== run) {
      this.close();
      const { path } = this.runs.find((candidate) => candidate.id === run);
      this.embedding = { run, embedding: new Embedding(this.objects, path) };
    }
    const { embedding } = this.embedding;
    await embedding.load(progress);
    return embedding;
  }
}

function empty(title, note) {
  return { images: [], legend: { title, note }, value: () => "" };
}
