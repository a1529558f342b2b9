/** How the vectors of pixels move over the months and times of day, as a run of `lake trajectory` has it. */

import * as zarr from "zarrita";

import { Generation, damaged } from "./generation.js";
import { PACKED } from "./store.js";

const PERIODS = ["trajectory", "second"];
const KEPT = 2; // chunks

/** Those of a run: `months`, `tods`, `latent`, how many numbers a vector has, `channels`. */
export class Paths {
  constructor(objects, path) {
    this.generation = new Generation(objects, path);
    this.chunks = new Map();
  }

  async open() {
    await this.generation.open();
    const { metadata } = this.generation;
    const array = (name) => zarr.open.v3(zarr.root(this.generation).resolve(name), { kind: "array" });
    this.arrays = await Promise.all(PERIODS.map(array));
    const whole = async (name) => Array.from((await zarr.get(await array(name))).data, Number);
    [this.months, this.tods] = await Promise.all(["month", "tod"].map(whole));
    this.latent = this.arrays[0].shape[3];
    this.channels = metadata.channel.shape[0];
    return this;
  }

  #chunk(pixel) {
    return Math.floor(pixel / this.size);
  }

  /** Pixels of a chunk. */
  get size() {
    return this.arrays[0].chunks[0];
  }

  /** Bytes of a chunk of both periods. */
  get chunkBytes() {
    return PERIODS.length * PACKED * 4 * this.arrays[0].chunks.reduce((product, length) => product * length, 1);
  }

  /** Bytes that reading pixels takes. */
  bytes(pixels) {
    const missing = new Set(pixels.map((pixel) => this.#chunk(pixel)).filter((number) => !this.chunks.has(number)));
    return missing.size * this.chunkBytes;
  }

  /** { own, around }: of both periods (month, tod, latent) of a pixel, and the mean of those in its chunk. */
  async of(pixel) {
    const number = this.#chunk(pixel);
    const reading = this.chunks.get(number) ?? this.#read(number);
    this.chunks.set(number, reading);
    if (this.chunks.size > KEPT) this.chunks.delete(this.chunks.keys().next().value);
    const { periods, means } = await reading.catch((error) => {
      this.chunks.delete(number);
      throw error;
    });
    const width = means[0].length;
    const first = (pixel % this.size) * width;
    return { own: periods.map((values) => values.subarray(first, first + width)), around: means };
  }

  async #read(number) {
    const periods = await Promise.all(this.arrays.map(async (array, n) => {
      try {
        return (await array.getChunk([number, 0, 0, 0])).data;
      } catch (error) {
        throw damaged(this.generation.objects.url(`${this.generation.path}/${PERIODS[n]}`), error);
      }
    }));
    const width = this.months.length * this.tods.length * this.latent;
    return { periods, means: periods.map((values) => meanOf(values, width)) };
  }
}

/** The mean of rows of some width, of what is not NaN. */
function meanOf(values, width) {
  const [sum, count] = [new Float64Array(width), new Float64Array(width)];
  for (let i = 0; i < values.length; i++) {
    if (Number.isNaN(values[i])) continue;
    sum[i % width] += values[i];
    count[i % width]++;
  }
  return sum.map((total, i) => total / count[i]);
}

/**
 * Vectors of the steps of a cycle: means over the other one, of which the mean course is taken off before, so that a
 * month in which no morning was observed is no warmer for that; values: (month, tod, latent), NaN: not observed.
 */
export function course(values, [months, tods, latent], isYear) {
  const [steps, others] = isYear ? [months, tods] : [tods, months];
  const at = (step, other, k) => values[((isYear ? step : other) * tods + (isYear ? other : step)) * latent + k];
  const places = (count) => [...Array(count).keys()];
  const columns = places(latent).map((k) => {
    const level = places(others).map((other) => mean(places(steps).map((step) => at(step, other, k))));
    const centre = mean(level);
    return places(steps).map((step) => mean(places(others).map((other) => at(step, other, k) - level[other] + centre)));
  });
  return places(steps).map((step) => columns.map((column) => column[step]));
}

function mean(values) {
  const present = values.filter((value) => !Number.isNaN(value));
  return present.length ? present.reduce((sum, value) => sum + value, 0) / present.length : NaN;
}
