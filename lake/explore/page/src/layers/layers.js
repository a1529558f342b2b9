/**
 * What the map can show: statistics of the store, and what was learnt of its pixels.
 *
 * A layer is { images, legend, value(row, column), part(box, visible), colour(pixel), groups }: `images` for the map,
 * the first one of all pixels if there is any; `value` as text; `part`: the numbers of a box, as part.js has them;
 * `colour` of layers of pixels alone; `groups`, { name, has(pixel), words() }, of those that can be picked at once.
 */

import * as zarr from "zarrita";

import { ABSENT, BELOW, COLOUR_MAPS, FEW, UNREAD, canvas, css, parsed, rgba, scale, stretch } from "../drawing/colours.js";
import { pixelAt } from "../reading/detail.js";
import { consent } from "../reading/fetching.js";
import { Generation } from "../reading/generation.js";
import { Stopped } from "../reading/objects.js";
import { measure } from "../reading/statistics.js";
import { PACKED, quantityOf } from "../reading/store.js";
import { formatNumber } from "../words/table.js";
import { ofCells, ofPixels, ofTiles } from "./part.js";

const CIVIDIS = COLOUR_MAPS.cividis;
const GROUND = rgba(...ABSENT);
const GREYS = { absent: GROUND, rare: rgba(...FEW) };
export const NAMES = {
  mean: "mean", stddev: "standard deviation", count: "observations a pixel", min: "minimum",
  max: "maximum", skewness: "skewness", kurtosis: "excess kurtosis",
};
const METRIC = { mean: "m1", stddev: "m2", skewness: "m3", kurtosis: "m4", count: "count", min: "min", max: "max" };
export const BARE = new Set(["count", "skewness", "kurtosis"]);

/** What grey means, in the words of lake/plot/layers.py. */
const NONE = "no observation";
const TOO_FEW = {
  stddev: "too few observations: 1",
  skewness: "too few observations: 1 or 2, or all alike",
  kurtosis: "too few observations: 1 to 3, or all alike",
};
const NO_LOGARITHM = "0 or less, which has no logarithm";
const NOT_READ = "not loaded at this zoom";
export const SUSPECT = "may be wrong: imported from merged legacy results";

/**
 * A statistic: its coarse map, if there is one, below full resolution, if that was read.
 *
 * With `pixels` the coarse map is cut to where pixels lie. The standard deviation of a cell holds the
 * differences between its pixels, that of a pixel does not: they never share a map. `fixed`: where the
 * colours begin and end; undefined: at those of `common`, else at the 2nd and 98th percentile. `map`: name of
 * the colours. `scale`: "log": logarithmic, where values are above 0.
 */
export function statistics(store, selection, { coarse: cells, detail: read, pixels, fixed, map, scale: kind, common }) {
  const { show, cube, band } = selection;
  const { coarse, detail, qualifier } = resolved(store, [show], { coarse: cells, detail: read });
  const tiles = detail ? [...detail.tiles.values()] : [];
  const values = coarse?.values ?? joined(tiles);
  const { measured, isLog } = common ? { measured: common, isLog: kind === "log" } : measure(values, kind === "log");
  const limits = measured && (fixed ?? measured);
  const images = imagesOf(store, { coarse, detail, pixels, limits, colours: COLOUR_MAPS[map], map, isLog });
  const { unit } = quantityOf(store.cubes[cube], band);
  const value = reader(store, selection, { coarse, detail, pixels });
  const isSuspect = isSuspectOf(store, show);
  const nothing = coarse || detail?.isWhole ? "no value in this month at this time of day" : "";
  const logarithmic = isLog ? "logarithmic colours" : kind === "log" && measured ? "no value is above 0: the colours are not logarithmic" : "";
  const note = [isSuspect ? SUSPECT : measured ? "" : nothing, logarithmic].filter(Boolean).join("; ");
  const greys = greysOf(show, coarse, tiles, pixels, !coarse && (detail?.isPartial ?? true));
  const isBelow = isLog && [values, ...tiles.map((tile) => tile.values)].some((all) => all.some((each) => each <= 0));
  if (isBelow) greys.push({ colour: css(BELOW), name: NO_LOGARITHM });
  const title = titleOf(store, selection) + qualifier;
  const legend = { title, note, greys, ...(limits && { ramp: COLOUR_MAPS[map], limits, ends: ["≤ ", "≥ "], unit, isFixed: !!fixed, isLog }) };
  const part = partOf(store, selection, { coarse, detail }, { name: title, unit });
  return { images, legend, value, part, isBare: !coarse };
}

/**
 * A function that gives the numbers of a box of whole pixels, as part.js does: of pixels if all that is visible was
 * read, else of the cells of the coarse map; undefined: there is neither.
 */
export function partOf(store, { cube }, { coarse, detail }, band) {
  return (box, visible) => {
    if (detail?.covers(visible)) return ofTiles(detail, box, store.cubes[cube].refinement, band);
    return coarse ? ofCells(coarse, store.factor, box, band) : undefined;
  };
}

/** Whether numbers of a statistic may be wrong in a store. */
export function isSuspectOf(store, show) {
  return store.suspect.includes(METRIC[show]);
}

/** "mean of temperature (K), C13" of a selection. */
export function titleOf(store, { show, cube, band }) {
  const { name, unit } = quantityOf(store.cubes[cube], band);
  return `${NAMES[show]}${BARE.has(show) ? "" : ` of ${name} (${unit})`}, ${band}`;
}

/** { coarse, detail, qualifier }: what of both may be on one map, and what its numbers are of, in words. */
export function resolved(store, shows, { coarse, detail }) {
  if (!coarse || !shows.includes("stddev")) return { coarse, detail, qualifier: "" };
  if (detail?.isWhole) return { coarse: null, detail, qualifier: " of each pixel" };
  return { coarse, detail: undefined, qualifier: ` of ${store.factor} × ${store.factor} pixels together` };
}

/** The images of a coarse map and of tiles, remembered with them; `colours` from one of the limits to the other. */
export function imagesOf(store, { coarse, detail, pixels, limits, colours, map, isLog = false }) {
  const colour = limits ? scale(colours, limits, isLog) : () => 0;
  const painting = `${map} ${limits} ${isLog}`;
  const images = coarse ? [cut(store, coarse, colour, painting, pixels)] : [];
  for (const tile of detail ? detail.tiles.values() : []) {
    if (tile.painting !== painting) tile.image = detail.painted(tile, colour, GREYS, canvas);
    tile.painting = painting;
    images.push(tile.image);
  }
  return images;
}

/** A function that says the value at a row and column; why there is none. */
function reader(store, selection, read) {
  return (row, column) => {
    const found = valueAt(store, read, row, column);
    return typeof found === "string" ? found : text(found, store, selection) + found.over;
  };
}

/** { value, isFew, over: whose value it is } at a row and column; else why nothing was read, as text. */
export function valueAt(store, { coarse, detail, pixels }, row, column) {
  const exact = detail?.value(row, column);
  if (exact !== undefined) return { value: exact[0], isFew: exact[1], over: "" };
  if (!coarse) return pixels && pixelAt(store.grid, pixels.places, row, column) >= 0 ? NOT_READ : "";
  const [y, x] = [row, column].map((at) => Math.floor(at / store.factor));
  if (y < 0 || x < 0 || y >= coarse.rows || x >= coarse.columns) return "";
  const cell = y * coarse.columns + x;
  return { value: coarse.values[cell], isFew: coarse.counts?.[cell] > 0, over: ` over ${store.factor} × ${store.factor} pixels` };
}

/** The greys that are on the map, with what they mean; `none`: that nothing was observed. */
export function greysOf(show, coarse, tiles, pixels, isUnread, none = NONE) {
  const seen = { none: false, few: false };
  const note = (value, isFew) => {
    if (Number.isNaN(value)) seen[isFew ? "few" : "none"] = true;
  };
  if (coarse && pixels) for (const cell of pixels.cell) note(coarse.values[cell], coarse.counts?.[cell] > 0);
  for (const { values, few } of tiles) for (let i = 0; i < values.length; i++) note(values[i], few[i]);
  return [
    ...(seen.none ? [{ colour: css(ABSENT), name: none }] : []),
    ...(seen.few ? [{ colour: css(FEW), name: TOO_FEW[show] }] : []),
    ...(isUnread && pixels ? [{ colour: css(UNREAD), name: NOT_READ }] : []),
  ];
}

/** The image of a coarse map, remembered with it: of its cells, or of the pixels that lie in them. */
function cut(store, coarse, colour, painting, pixels) {
  const painted = `${painting} ${!!pixels}`;
  if (coarse.painted === painted) return coarse.image;
  const grey = (cell) => (coarse.counts?.[cell] > 0 ? GREYS.rare : GROUND);
  const colours = Uint32Array.from(coarse.values, colour);
  coarse.painted = painted;
  coarse.image = pixels
    ? pixels.image((i) => colours[pixels.cell[i]] || grey(pixels.cell[i]))
    : { canvas: canvas(colours, coarse.rows, coarse.columns), row: 0, column: 0, size: store.factor };
  return coarse.image;
}

/** Layers of pixels, painted one screen pixel each. */
export class Pixels {
  constructor(store, places) {
    this.store = store;
    this.places = places;
    const [top, left, bottom, right] = extent(places);
    this.box = { row: top, column: left, size: 1 };
    this.rows = bottom - top;
    this.columns = right - left;
    this.at = Int32Array.from(
      places.row, (row, i) => (row - top) * this.columns + places.column[i] - left,
    );
  }

  /** The cell of the coarse maps that each pixel lies in. */
  get cell() {
    const { factor, grid } = this.store;
    const columns = Math.ceil(grid.columns / factor);
    const cellOf = (row, i) => Math.floor(row / factor) * columns + Math.floor(this.places.column[i] / factor);
    this.cells ??= Int32Array.from(this.places.row, cellOf);
    return this.cells;
  }

  /** The function `part` of a layer; bands: { name, unit } of each; numbers(pixel) as part.js takes it. */
  part(bands, numbers) {
    return (box) => ofPixels(this.places, box, bands, numbers);
  }

  /** Sums of cells as means of the subpixels that lie in them. */
  perPixel(values, subpixels) {
    const subpixelsOf = new Float32Array(values.length);
    for (const cell of this.cell) subpixelsOf[cell] += subpixels;
    return values.map((value, cell) => value / subpixelsOf[cell]);
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

/** A value of a statistic with its unit; why there is none. */
export function text({ value, isFew }, store, { show, cube, band }) {
  if (Number.isNaN(value)) return isFew ? TOO_FEW[show] : NONE;
  const { unit } = quantityOf(store.cubes[cube], band);
  return formatNumber(value) + (BARE.has(show) || unit === "1" ? "" : ` ${unit}`);
}

/** The values of tiles as one array. */
export function joined(tiles) {
  const parts = tiles.map((tile) => tile.values);
  const whole = new Float32Array(parts.reduce((n, part) => n + part.length, 0));
  let start = 0;
  for (const part of parts) {
    whole.set(part, start);
    start += part.length;
  }
  return whole;
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
