/** Where the pixels of a store lie, and layers of what was learnt of each of them. */

import * as zarr from "zarrita";

import { ABSENT, COLOUR_MAPS, UNREAD, canvas, css, parsed, rgba, stretch } from "../drawing/colours.js";
import { pixelAt } from "../reading/detail.js";
import { consent } from "../reading/fetching.js";
import { Generation } from "../reading/generation.js";
import { Stopped } from "../reading/objects.js";
import { PACKED } from "../reading/store.js";
import { ofPixels } from "./part.js";

const CIVIDIS = COLOUR_MAPS.cividis;
const GROUND = rgba(...ABSENT);

/** Layers of pixels, painted one screen pixel each. */
export class Pixels {
  constructor(store, places) {
    this.store = store;
    this.places = places;
    const [top, left, bottom, right] = extent(places);
    this.box = { row: top, column: left, size: 1 };
    this.cells = {}; // by factor of the coarse maps
    this.rows = bottom - top;
    this.columns = right - left;
    this.at = Int32Array.from(
      places.row, (row, i) => (row - top) * this.columns + places.column[i] - left,
    );
  }

  /** The cell of a coarse map that each pixel lies in. */
  cellsOf({ factor, columns }) {
    const cellOf = (row, i) => Math.floor(row / factor) * columns + Math.floor(this.places.column[i] / factor);
    this.cells[factor] ??= Int32Array.from(this.places.row, cellOf);
    return this.cells[factor];
  }

  /** The function `part` of a layer; bands: { name, unit } of each; numbers(pixel) as part.js takes it. */
  part(bands, numbers) {
    return (box) => ofPixels(this.places, box, bands, numbers);
  }

  /** Sums of cells as means of the subpixels that lie in them. */
  perPixel(coarse, subpixels) {
    const subpixelsOf = new Float32Array(coarse.values.length);
    for (const cell of this.cellsOf(coarse)) subpixelsOf[cell] += subpixels;
    return coarse.values.map((value, cell) => value / subpixelsOf[cell]);
  }

  /** An image of one colour a pixel. */
  image(colour) {
    const image = new Uint32Array(this.rows * this.columns);
    const { at } = this;
    for (let i = 0; i < at.length; i++) image[at[i]] = colour(i);
    return { canvas: canvas(image, this.rows, this.columns), ...this.box };
  }

  /** Where pixels are at all. */
  ground() {
    return this.image(() => rgba(...UNREAD));
  }

  /**
   * Three numbers of every pixel as red, green and blue; NaN among them: no value.
   *
   * `words`: { title, shares }, shares of the variance of each; undefined: not known.
   */
  rgb(values, { title, shares }) {
    const levels = stretch(values).map((level) => Math.round(255 * level));
    let isGrey = false;
    const colour = (i) => {
      if (!Number.isNaN(levels[3 * i])) return rgba(levels[3 * i], levels[3 * i + 1], levels[3 * i + 2]);
      isGrey = true;
      return GROUND;
    };
    const images = [this.image(colour)];
    const note = "as red, green and blue, each from its 2nd to its 98th percentile";
    const items = shares && ["#d61f1f", "#1f9933", "#264dd9"].map((colour, k) => ({
      colour, name: `axis ${k + 1}`, share: `${(100 * shares[k]).toFixed(1)} % of the variance`,
    }));
    const greys = isGrey ? [{ colour: css(ABSENT), name: "no value" }] : [];
    const value = (row, column) => {
      const pixel = pixelAt(this.store.grid, this.places, row, column);
      if (pixel < 0) return "";
      return Number.isNaN(levels[3 * pixel]) ? "no value" : `colour ${[0, 1, 2].map((k) => levels[3 * pixel + k]).join(" ")}`;
    };
    const bands = [1, 2, 3].map((number) => ({ name: `${title}, ${number}`, unit: "" }));
    const part = this.part(bands, (i) => [...values.subarray(3 * i, 3 * i + 3)]);
    return { images, legend: { title, note, items, greys }, value, part, colour };
  }

  /** Classes; `named`: number, name and colour of each, by rising number from 0. */
  classes(labels, named, title = "surface classes, share of pixels") {
    const counts = named.map(() => 0);
    for (const label of labels) if (label >= 0) counts[label] += 1;
    const colours = named.map(({ colour }) => rgba(...parsed(colour)));
    const total = labels.length;
    const items = named.filter(({ number }) => counts[number]).map(({ number, name, colour }) => ({
      colour: css(parsed(colour)),
      name,
      share: `${((100 * counts[number]) / total).toFixed(1)} %`,
    }));
    const value = (row, column) => {
      const pixel = pixelAt(this.store.grid, this.places, row, column);
      return pixel < 0 ? "" : labels[pixel] < 0 ? "no class" : named[labels[pixel]].name;
    };
    const colour = (i) => (labels[i] < 0 ? GROUND : colours[labels[i]]);
    const greys = labels.some((label) => label < 0) ? [{ colour: css(ABSENT), name: "no class" }] : [];
    const groups = named.filter(({ number }) => counts[number]).map(({ number, name }) => ({ name, has: (i) => labels[i] === number }));
    const list = named.map(({ number, name }) => `${number} ${name}`).join("; ");
    const part = this.part([{ name: `${title.split(",")[0]}: ${list}`, unit: "" }], (i) => [labels[i] < 0 ? NaN : labels[i]]);
    return { images: [this.image(colour)], legend: { title, items, greys }, value, part, colour, groups };
  }

  /** How sure classes are; 255 times their probability of each pixel, and the classes, below 0: none. */
  shares(probability, classes) {
    const value = (row, column) => {
      const pixel = pixelAt(this.store.grid, this.places, row, column);
      if (pixel < 0) return "";
      return classes[pixel] < 0 ? "no class" : `probability ${Math.round((100 * probability[pixel]) / 255)} %`;
    };
    const colour = (i) => (classes[i] < 0 ? GROUND : CIVIDIS[probability[i]]);
    const greys = classes.includes(-1) ? [{ colour: css(ABSENT), name: "no class" }] : [];
    const legend = { title: "probability of the likeliest class", greys, ramp: CIVIDIS, limits: [0, 100], ends: ["", ""], unit: "%", isMarked: true };
    const part = this.part([{ name: legend.title, unit: "1" }], (i) => [classes[i] < 0 ? NaN : probability[i] / 255]);
    return { images: [this.image(colour)], legend, value, part, colour };
  }
}

/** Float32Array (pixel, 3): the first three scores of every pixel, by a run of `lake pca`, `lake mnf` or `lake gcca`. */
export async function components(objects, path) {
  const generation = await new Generation(objects, path).open();
  const array = await zarr.open.v3(zarr.root(generation).resolve("scores"), { kind: "array" });
  const [pixels, count] = array.shape;
  const isAllowed = await consent("map", PACKED * 4 * pixels * count, "All components of the run are needed:");
  if (!isAllowed) throw new Stopped();
  const { data, shape } = await zarr.get(array, [null, zarr.slice(3)]);
  const three = new Float32Array(3 * shape[0]);
  for (let i = 0; i < three.length; i++) three[i] = i % 3 < shape[1] ? data[Math.floor(i / 3) * shape[1] + (i % 3)] : 0;
  return three;
}

/** (pixel) whole numbers: the class of every pixel, by the array of a run of `lake cluster` or `lake classify`. */
export async function labels(objects, path, name) {
  const generation = await new Generation(objects, path).open();
  const array = await zarr.open.v3(zarr.root(generation).resolve(name), { kind: "array" });
  return (await zarr.get(array)).data;
}

function extent({ row, column }) {
  let [top, left, bottom, right] = [Infinity, Infinity, 0, 0];
  for (let i = 0; i < row.length; i++) {
    top = Math.min(top, row[i]);
    left = Math.min(left, column[i]);
    bottom = Math.max(bottom, row[i] + 1);
    right = Math.max(right, column[i] + 1);
  }
  return [top, left, bottom, right];
}
