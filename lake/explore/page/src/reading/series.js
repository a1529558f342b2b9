/** All that is known of a pixel: at once from a run of `lake series`; else the month that is shown, the year where asked. */

import * as zarr from "zarrita";

import { consent, isFree } from "./fetching.js";
import { Generation, damaged } from "./generation.js";
import { PACKED, quantityOf } from "./store.js";

const ARRAY = "series";
const KEPT = 16; // chunks

/**
 * Read a pixel; `shown(rows, isWhole)` is called with the rows of the month, if the whole year takes too
 * much to be read without a question, and with those of the year. Resolves once the first are there;
 * `tried` runs what comes later.
 */
export async function readSeries(store, pixel, month, { shown, tried }) {
  if (store.turned) return shown(await store.turned.series(pixel), true);
  const bytes = store.seriesBytes(pixel, store.months);
  const year = async () => shown(await store.series(pixel, store.months), true);
  if (isFree("year", bytes)) return year();
  if (!(await consent("year", store.seriesBytes(pixel, [month]), "The month of this pixel:"))) return;
  shown(await store.series(pixel, [month]), false);
  consent("year", bytes, "Only this month is shown. The whole year:").then((isAllowed) => isAllowed && tried(year));
}

/** The statistics of a store's generation by pixel, if one of `runs` holds those of all its cubes; else undefined. */
export function turned(objects, store, runs) {
  const cubes = Object.keys(store.cubes);
  const run = runs.find(({ arrays, generation, settings }) =>
    arrays.includes(ARRAY) && generation === store.name && cubes.every((cube) => settings.cubes?.includes(cube)));
  return run && new Turned(objects, run.path, store);
}

class Turned {
  constructor(objects, path, store) {
    this.generation = new Generation(objects, path);
    this.store = store;
    this.chunks = new Map();
  }

  /** As `Store.series`, of all months. */
  async series(pixel) {
    this.opened ??= this.#open();
    const { array, slots } = await this.opened;
    const [size, , count] = array.chunks;
    const data = await this.#chunk(array, Math.floor(pixel / size));
    const first = (pixel % size) * slots.length * count;
    return slots.map((slot, i) => {
      const [cube, month, tod, band] = slot.split("/");
      const { name: quantity, unit } = quantityOf(this.store.cubes[cube], band);
      const [n, mean, stddev, min, max] = data.subarray(first + i * count, first + (i + 1) * count);
      return { cube, band, quantity, unit, month: Number(month), tod: Number(tod), count: n, mean, stddev, min, max };
    });
  }

  /** Values of a chunk; the last ones are remembered, since near pixels lie in the same. */
  async #chunk(array, number) {
    const data = this.chunks.get(number) ?? array.getChunk([number, 0, 0]);
    this.chunks.set(number, data);
    if (this.chunks.size > KEPT) this.chunks.delete(this.chunks.keys().next().value);
    try {
      return (await data).data;
    } catch (error) {
      this.chunks.delete(number);
      throw damaged(this.generation.objects.url(`${this.generation.path}/${ARRAY}`), error);
    }
  }

  /** Opens it, unless it is open: then `size`, the pixels of a chunk, and `chunkBytes` are known. */
  async open() {
    this.opened ??= this.#open();
    const { array } = await this.opened;
    this.size = array.chunks[0];
    this.chunkBytes = PACKED * 4 * array.chunks.reduce((product, length) => product * length, 1);
  }

  async #open() {
    try {
      await this.generation.open();
      const array = await zarr.open.v3(zarr.root(this.generation).resolve(ARRAY), { kind: "array" });
      return { array, slots: this.generation.metadata[ARRAY].attributes.slots };
    } catch (error) {
      this.opened = undefined; // asked for again, it may be there
      throw error;
    }
  }
}
