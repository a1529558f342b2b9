/** What runs gave to the pixels of a store, as layers of the map; one embedding is kept in memory. */

import { LEARNT } from "../state/choices.js";
import { Embedding } from "../vectors/embedding.js";
import { periodName } from "../words/names.js";
import { changeLayer, changes } from "./change.js";
import { components, labels } from "./pixels.js";
import { Similar } from "./similar.js";

export class Learnt {
  /** pixels: as of pixels.js, of the store; runs: those of its pixels; all: those of all stores. */
  constructor(objects, pixels, runs, all) {
    Object.assign(this, { objects, pixels, runs, all });
    this.embedding = undefined; // { run, embedding }
  }

  /** A layer; `a`: the pixel that others are compared with; progress(share) of reading. */
  async layer({ show, run, run2 }, a, progress) {
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
    if (show === "change") return this.#change(run, run2, embedding);
    if (a === undefined) return empty("similarity (cosine)", "choose a pixel: land like it will stand out");
    const scores = await embedding.search(a);
    if (!scores) return empty(`pixel ${a}`, "it has no embedding: choose another one");
    this.similar ??= new Similar(this.pixels);
    return this.similar.layer(scores, a);
  }

  async #change(run, run2, embedding) {
    const [first, second] = [run, run2].map((id) => this.all.find((candidate) => candidate.id === id));
    if (this.change?.run !== run || this.change.run2 !== run2) {
      this.change = { run, run2, scores: await changes(this.objects, embedding, second, this.pixels.places) };
    }
    const names = [first, second].map(({ store }) => periodName(store.split("/")[2]));
    return changeLayer(this.pixels, this.change.scores, [names[0] === names[1] ? `${run} and ${run2}` : `${names[0]} and ${names[1]}`]);
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
