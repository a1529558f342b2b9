/**
 * One store of the lake: its cubes, its coarse maps, its pixels, all that is known of one of them.
 *
 * Reads by zarrita, inner chunk by inner chunk: (1 month, tods, bands, metrics, pixels, subpixels).
 */

import * as zarr from "zarrita";

import { Generation, damaged } from "./generation.js";
import { Grid } from "./grid.js";
import { LakeError } from "./objects.js";
import { moments } from "./statistics.js";

export const METRICS = ["count", "min", "max", "m1", "m2", "m3", "m4"];
const REFLECTIVE = /^C0[1-6]$/;
const REFLECTANCE = { name: "reflectance factor", unit: "1" };
const TEMPERATURE = { name: "temperature", unit: "K" };
export const PACKED = 0.6; // of the bytes of float32, by Blosc
const KEPT_BYTES = 128e6; // of decoded chunks

export class Store {
  constructor(generation) {
    const { attributes, metadata } = generation;
    const { cubes, layout, months, shape, key, suspect, provenance } = attributes;
    this.generation = generation;
    this.path = generation.path;
    this.name = generation.path.split("/").at(-1).replace(/\.zarr$/, "");
    this.key = key;
    this.months = months;
    this.suspect = suspect;
    this.isInvented = provenance?.invented === true;
    this.days = provenance?.days; // { first, last, count } of the days that are in it; undefined: not known
    this.cubes = Object.fromEntries(cubes.map((name) => {
      const { cube, quantity } = metadata[name].attributes;
      return [name, { ...cube, quantity }];
    }));
    this.layout = layout;
    this.pixels = metadata.pixel.shape[0];
    const coarse = Object.values(this.cubes).find((cube) => cube.refinement === 1).resolution;
    const gridAttributes = metadata[`geom/${coarse}`].attributes;
    const projection = metadata[`geom/${coarse}/crs`].attributes;
    this.grid = new Grid(projection, gridAttributes["spatial:transform"], shape);
    const { factor, factors = [factor] } = metadata.overview?.attributes ?? {};
    this.factors = factors; // of the coarse maps: pixels along a cell, the largest first
    this.arrays = {};
    this.chunks = new Map();
  }

  static async open(objects, path) {
    const generation = await new Generation(objects, path).open();
    if (generation.attributes.lake_format !== "goeslake") {
      throw new LakeError(`${objects.url(path)} is no store of goeslake`);
    }
    return new Store(generation);
  }

  /**
   * A coarse map: { values, rows, columns, factor }, of a deviation also counts; null: the store has none.
   *
   * name: of a statistic. factor: pixels along a cell; undefined: the largest there is.
   */
  async overview(cube, name, month, tod, band, factor = this.factors[0]) {
    const group = factor === this.factors[0] ? "overview" : `overview/factor-${factor}`;
    const path = `${group}/${cube}/${name}`;
    if (!this.generation.has(path)) return null;
    const [, , , rows, columns] = this.generation.metadata[path].shape;
    const { tods, bands } = this.cubes[cube];
    const at = [month - 1, tods.indexOf(tod), bands.indexOf(band), 0, 0];
    const counted = name === "stddev" ? this.#chunk(`${group}/${cube}/count`, at) : undefined;
    const [values, counts] = await Promise.all([this.#chunk(path, at), counted]);
    return { values, counts, rows, columns, factor };
  }

  /** Where every pixel lies, { row, column, at }: `at` is the pixel at row * columns + column, or -1. */
  places() {
    this.placesRead ??= this.#places().catch((error) => {
      this.placesRead = undefined; // asked for again, it may be there
      throw error;
    });
    return this.placesRead;
  }

  async #places() {
    const [row, column] = await Promise.all(["row", "column"].map((name) => this.#whole(name)));
    const at = new Int32Array(this.grid.rows * this.grid.columns).fill(-1);
    for (let i = 0; i < row.length; i++) at[row[i] * this.grid.columns + column[i]] = i;
    return { row, column, at };
  }

  /** Results of an inner chunk, remembered: Float32Array (tod, band, metric, pixel, subpixel). */
  async chunk(cube, month, number) {
    const name = `${cube}/${month}/${number}`;
    const cached = this.chunks.get(name);
    this.chunks.delete(name);
    const data = cached ?? this.#chunk(`${cube}/results`, [month - 1, 0, 0, 0, number, 0]);
    this.chunks.set(name, data);
    const limit = Math.max(1, Math.floor(KEPT_BYTES / this.chunkBytes(cube)));
    while (this.chunks.size > limit) this.chunks.delete(this.chunks.keys().next().value);
    try {
      return await data;
    } catch (error) {
      this.chunks.delete(name);
      throw error;
    }
  }

  /** Names of the cubes whose full resolution is there: a copy of a lake may lack it. */
  get fullCubes() {
    return Object.keys(this.cubes).filter((cube) => this.generation.has(`${cube}/results`));
  }

  /** Bytes of a decoded chunk. */
  chunkBytes(cube) {
    const { codecs, chunk_grid: chunks } = this.generation.metadata[`${cube}/results`];
    const sharding = codecs.find((codec) => codec.name === "sharding_indexed");
    return 4 * (sharding ?? chunks).configuration.chunk_shape.reduce((a, b) => a * b, 1);
  }

  /** Whether a chunk is in memory. */
  has(cube, month, number) {
    return this.chunks.has(`${cube}/${month}/${number}`);
  }

  /** Bytes that the series of a pixel would read, of some months, about. */
  seriesBytes(pixel, months) {
    const number = Math.floor(pixel / this.layout.chunk);
    const bytes = (cube) => PACKED * this.chunkBytes(cube) * months.filter((month) => !this.has(cube, month, number)).length;
    return this.fullCubes.reduce((sum, cube) => sum + bytes(cube), 0);
  }

  /** All that is known of a pixel in some months: a list of { cube, band, quantity, unit, month, tod, count, mean,
   * stddev, min, max }. */
  async series(pixel, months) {
    const number = Math.floor(pixel / this.layout.chunk);
    const pairs = this.fullCubes.flatMap((cube) => months.map((month) => [cube, month]));
    const reads = pairs.map(async ([name, month]) => {
      const cube = this.cubes[name];
      const data = await this.chunk(name, month, number);
      const within = pixel - number * this.layout.chunk;
      return cube.tods.flatMap((tod, t) =>
        cube.bands.map((band, b) => {
          const { name: quantity, unit } = quantityOf(cube, band);
          return { cube: name, band, quantity, unit, month, tod, ...moments(data, this.#of(cube, t, b, within)) };
        }),
      );
    });
    return (await Promise.all(reads)).flat();
  }

  /** Where the metrics of a pixel's subpixels lie in a chunk. */
  #of(cube, tod, band, within) {
    const subpixels = cube.refinement ** 2;
    const plane = this.layout.chunk * subpixels; // of one metric
    const first = (tod * cube.bands.length + band) * METRICS.length * plane + within * subpixels;
    return { first, plane, subpixels };
  }

  async #array(path) {
    this.arrays[path] ??= zarr.open.v3(zarr.root(this.generation).resolve(path), { kind: "array" });
    return this.arrays[path];
  }

  async #chunk(path, at) {
    const array = await this.#array(path);
    try {
      return (await array.getChunk(at)).data;
    } catch (error) {
      throw damaged(this.generation.objects.url(`${this.generation.path}/${path}`), error);
    }
  }

  async #whole(path) {
    const array = await this.#array(path);
    try {
      return (await zarr.get(array)).data;
    } catch (error) {
      throw damaged(this.generation.objects.url(`${this.generation.path}/${path}`), error);
    }
  }
}

/** The geometry that a key names: stores of one geometry may have the same pixels. */
export function geometryOf(key) {
  return key.split("/").at(-1);
}

/** The newest generation of a store, by its log: a hint, then on while the next commit is there. */
export async function newest(objects, key) {
  const commit = (n) => objects.get(`${key}/commits/${String(n).padStart(8, "0")}.json`);
  const hint = await objects.get(`${key}/current.json`);
  let number = hint ? JSON.parse(new TextDecoder().decode(hint)).number : 1;
  let commitRead;
  for (let next; (next = await commit(number)); number++) commitRead = next;
  const path = commitRead && JSON.parse(new TextDecoder().decode(commitRead)).path;
  if (!path) throw new LakeError(`Nothing of ${key} is published`, "Run 'lake ls' to see what is");
  return `${key}/${path}`;
}

/** What a band's values are: { name, unit }, as the store says; else of a band of the imager or of LST. */
export function quantityOf(cube, band) {
  return cube.quantity ?? (REFLECTIVE.test(band) ? REFLECTANCE : TEMPERATURE);
}
