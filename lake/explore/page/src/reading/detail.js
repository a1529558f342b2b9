/**
 * The store's own pixels where the map is zoomed in: superblock by superblock, at full resolution.
 *
 * An inner chunk holds all bands, times and metrics of its pixels, so only as much is read as is worth it.
 */

import { consent, withdraw } from "./fetching.js";
import { NO_TOD, pixelTods } from "./local_hours.js";
import { statistic } from "./statistics.js";
import { METRICS, PACKED } from "./store.js";

const MOST_BYTES = 48e6;
const AT_A_TIME = 8;

export class Detail {
  /** changed(): tells that another superblock is there. */
  constructor(store, places, changed) {
    this.store = store;
    this.places = places;
    this.changed = changed;
    this.superblock = store.layout.chunk * store.layout.phases;
    this.boxes = boxes(places, this.superblock);
    this.tiles = new Map();
    this.selection = "";
    this.isWhole = false; // whether all that was visible last is there
    this.turn = 0; // of reading: a later one ends those before
  }

  /** Bytes that showing `visible` would read at most. */
  cost(slices, visible) {
    const chunks = this.#within(visible).length * this.store.layout.phases;
    return slices.reduce((sum, { store, selection }) => sum + chunks * store.chunkBytes(selection.cube) * PACKED, 0);
  }

  /** Bytes that reading superblocks takes, without the chunks that are in memory. */
  #bytes(slices, superblocks) {
    const { layout, pixels } = this.store;
    const chunks = Math.ceil(pixels / layout.chunk);
    const numbers = superblocks.flatMap((superblock) =>
      Array.from({ length: layout.phases }, (_, i) => superblock * layout.phases + i).filter((number) => number < chunks),
    );
    const bytes = ({ store, selection: { cube, month } }) =>
      PACKED * store.chunkBytes(cube) * numbers.filter((number) => !store.has(cube, month, number)).length;
    return slices.reduce((sum, slice) => sum + bytes(slice), 0);
  }

  /** Whether `visible` is small enough to be read. */
  isAffordable(slices, visible) {
    return this.cost(slices, visible) <= MOST_BYTES;
  }

  /**
   * Read what is visible and not there yet; a later call stops an earlier one.
   *
   * slices: one or two { store, selection: { show, cube, month, tod, band } }, of stores of the same pixels.
   */
  async read(slices, visible) {
    const name = nameOf(slices);
    if (name !== this.selection) this.tiles.clear();
    this.selection = name;
    const turn = ++this.turn;
    const missing = this.#within(visible).filter((superblock) => !this.tiles.has(superblock));
    this.isWhole = missing.length === 0;
    if (this.isWhole) this.changed();
    const isAllowed = await consent("detail", this.#bytes(slices, missing), "Full resolution here:");
    if (!isAllowed || turn !== this.turn) return;
    for (const superblock of missing) {
      const tile = await this.#tile(superblock, slices, turn);
      if (turn !== this.turn) return;
      this.tiles.set(superblock, tile);
      this.isWhole = superblock === missing.at(-1);
      this.changed();
    }
  }

  /** Whether there is a pixel of the store that was not read. */
  get isPartial() {
    return this.tiles.size < this.boxes.length;
  }

  clear() {
    withdraw("detail");
    this.turn++;
    this.isWhole = false;
    this.tiles.clear();
  }

  #within([top, left, bottom, right]) {
    return this.boxes.flatMap((box, superblock) =>
      box[0] < bottom && box[1] < right && box[2] > top && box[3] > left ? [superblock] : [],
    );
  }

  /** Whether these slices are what was read. */
  isOf(slices) {
    return this.selection === nameOf(slices);
  }

  /**
   * What was read, as layers.js takes it: of the first slice (0), of the second (1), or their difference (2), which
   * slices of the same refinement have.
   */
  part(n) {
    const { isWhole, isPartial } = this;
    const tiles = [...this.tiles.values()].map((tile) => tile.parts[n]);
    return {
      tiles, isWhole, isPartial,
      painted: (...how) => this.painted(...how),
      value: (row, column) => this.value(row, column, n),
      each: (...how) => this.each(...how),
      covers: (visible) => this.#within(visible).every((superblock) => this.tiles.has(superblock)),
    };
  }

  /** The first slice's part, with `parts`: of both slices, and their difference. */
  async #tile(superblock, slices, turn) {
    const parts = await Promise.all(slices.map((slice) => this.#part(superblock, slice, turn)));
    const [first, second] = parts;
    if (second?.refinement === first.refinement) parts.push(minus(first, second));
    return { ...first, parts };
  }

  /**
   * { superblock, box, refinement, values, few, tods }: of the superblock's pixels in store order, subpixels row-major;
   * tods: of each pixel on a map of one local hour, else undefined.
   */
  async #part(superblock, { store, selection }, turn) {
    const cube = store.cubes[selection.cube];
    const { chunk, phases } = store.layout;
    const subpixels = cube.refinement ** 2;
    const first = superblock * this.superblock;
    const pixels = Math.min(this.superblock, store.pixels - first);
    const values = new Float32Array(pixels * subpixels);
    const few = new Uint8Array(values.length); // 1: observed, but too rarely for the statistic
    const plane = chunk * subpixels;
    const band = cube.bands.indexOf(selection.band);
    const tods = selection.local === undefined ? undefined : pixelTods(store, selection, this.places, first, pixels);
    const fill = async (number) => {
      const data = await store.chunk(selection.cube, selection.month, superblock * phases + number);
      const start = number * plane;
      const end = Math.min(start + plane, values.length);
      for (let i = start; i < end; i++) {
        const tod = tods ? tods[Math.floor(i / subpixels)] : selection.tod;
        if (tod === NO_TOD) {
          values[i] = NaN;
          continue;
        }
        const at = (cube.tods.indexOf(tod) * cube.bands.length + band) * METRICS.length * plane + i - start;
        values[i] = statistic(selection.show, data, at, plane);
        few[i] = Number.isNaN(values[i]) && data[at] > 0;
      }
    };
    const waiting = [...Array(Math.ceil(pixels / chunk)).keys()];
    const work = async () => {
      while (waiting.length && turn === this.turn) await fill(waiting.shift());
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, work));
    return { superblock, box: this.boxes[superblock], refinement: cube.refinement, values, few, tods };
  }

  /** Calls put(value, y, x, isFew, tod) with every subpixel of a part, y and x in subpixels of the grid. */
  each({ superblock, refinement, values, few, tods }, put) {
    const first = superblock * this.superblock;
    const subpixels = refinement ** 2;
    for (let i = 0; i < values.length; i++) {
      const pixel = first + Math.floor(i / subpixels);
      const s = i % subpixels;
      const y = this.places.row[pixel] * refinement + Math.floor(s / refinement);
      const x = this.places.column[pixel] * refinement + (s % refinement);
      put(values[i], y, x, few[i] === 1, tods?.[pixel - first]);
    }
  }

  /** A canvas of a part; colour(value): RGBA, `absent`, `rare` or `late` where it gives none. */
  painted(part, colour, { absent, rare, late }, canvas) {
    const { box: [top, left, bottom, right], refinement } = part;
    const columns = (right - left) * refinement;
    const image = new Uint32Array((bottom - top) * refinement * columns);
    this.each(part, (value, y, x, isFew, tod) => {
      image[(y - top * refinement) * columns + x - left * refinement] = colour(value) || (tod === NO_TOD ? late : isFew ? rare : absent);
    });
    return { canvas: canvas(image, (bottom - top) * refinement, columns), row: top, column: left, size: 1 / refinement };
  }

  /** { value, isFew: whether too few were observed, tod: on a map of one local hour } at a fraction of a row and column; undefined: not read. */
  value(row, column, n = 0) {
    const pixel = pixelAt(this.store.grid, this.places, row, column);
    const tile = this.tiles.get(Math.floor(pixel / this.superblock))?.parts[n];
    if (pixel < 0 || !tile) return undefined;
    const { refinement } = tile;
    const [y, x] = [row, column].map((at) => Math.floor((at - Math.floor(at)) * refinement));
    const at = (pixel % this.superblock) * refinement ** 2 + y * refinement + x;
    return { value: tile.values[at], isFew: tile.few[at] === 1, tod: tile.tods?.[pixel % this.superblock] };
  }
}

/** What slices are, as text. */
function nameOf(slices) {
  return JSON.stringify(slices.map(({ store, selection }) => [store.path, selection]));
}

/** The difference of two parts of a superblock. */
function minus(first, second) {
  const values = first.values.map((value, i) => value - second.values[i]);
  return { ...first, values, few: new Uint8Array(values.length), tods: undefined };
}

/** The pixel at a row and column; -1: none. */
export function pixelAt(grid, places, row, column) {
  const [y, x] = [Math.floor(row), Math.floor(column)];
  if (y < 0 || x < 0 || y >= grid.rows || x >= grid.columns) return -1;
  return places.at[y * grid.columns + x];
}

/** [first row, first column, row after the last, column after the last] of every superblock. */
function boxes({ row, column }, size) {
  const corners = [];
  for (let i = 0; i < row.length; i++) {
    const number = Math.floor(i / size);
    const box = (corners[number] ??= [Infinity, Infinity, 0, 0]);
    if (row[i] < box[0]) box[0] = row[i];
    if (column[i] < box[1]) box[1] = column[i];
    if (row[i] >= box[2]) box[2] = row[i] + 1;
    if (column[i] >= box[3]) box[3] = column[i] + 1;
  }
  return corners;
}
