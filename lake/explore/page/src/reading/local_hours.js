/** Which stored time of day each place shows where a map is of one local mean solar hour, and the coarse map of it. */

import { nearest } from "../words/hours.js";
import { degreesOf } from "./grid.js";

const LOOK_DEGREES = 0.1;
const HOURS = Array.from({ length: 24 }, (_, hour) => 3600 * hour);

/** In place of a time of day: none is within reach. */
export const NO_TOD = -1;

const remembered = new WeakMap(); // grid -> longitudes

/** Longitudes of what the grid of a store shows, from east to west. */
function longitudes({ grid }) {
  if (!remembered.has(grid)) {
    const [west, , east] = degreesOf(grid, [0, 0, grid.rows, grid.columns]);
    remembered.set(grid, Array.from({ length: Math.floor((east - west) / LOOK_DEGREES) + 1 }, (_, i) => east - i * LOOK_DEGREES));
  }
  return remembered.get(grid);
}

/** The times of day that a cube shows at a local hour, from east to west. */
export function todsAt(store, cube, local) {
  const { tods } = store.cubes[cube];
  return [...new Set(longitudes(store).map((lon) => nearest(tods, local, lon)))].filter((tod) => tod !== undefined);
}

/** Whole local hours that a cube has anywhere; more: another one that may be among them. */
export function localHours(store, cube, more) {
  const wanted = more >= 0 && !HOURS.includes(more) ? [...HOURS, more].sort((a, b) => a - b) : HOURS;
  return wanted.filter((local) => todsAt(store, cube, local).length);
}

/** The time of day that a place shows, or NO_TOD. */
function todAt(store, { cube, local }, row, column) {
  const place = store.grid.lonlat(row, column);
  return (place && nearest(store.cubes[cube].tods, local, place[0])) ?? NO_TOD;
}

/** Int32Array (pixel) of the time of day that each shows, of `count` pixels of a store from the first on. */
export function pixelTods(store, selection, { row, column }, first, count) {
  return Int32Array.from({ length: count }, (_, i) => todAt(store, selection, row[first + i] + 0.5, column[first + i] + 0.5));
}

/** The middle of a cell, [row, column]; where that lies beyond the limb the first of its pixels that does not. */
function visibleIn(grid, [row, column], factor) {
  const middle = [row + factor / 2, column + factor / 2];
  if (grid.lonlat(...middle)) return middle;
  const pixels = Array.from({ length: factor ** 2 }, (_, i) => [row + Math.floor(i / factor) + 0.5, column + (i % factor) + 0.5]);
  return pixels.find((pixel) => grid.lonlat(...pixel)) ?? middle;
}

/** As Store.overview, of one local hour; tods: of each cell, by its middle, or NO_TOD; null: there is none. */
export async function localOverview(store, selection, factor = store.factors[0]) {
  const { show, cube, month, band } = selection;
  const { grid } = store;
  if (!factor) return null;
  const [rows, columns] = [grid.rows, grid.columns].map((size) => Math.ceil(size / factor));
  const tods = Int32Array.from({ length: rows * columns }, (_, cell) => {
    const corner = [Math.floor(cell / columns), cell % columns].map((at) => at * factor);
    return todAt(store, selection, ...visibleIn(grid, corner, factor));
  });
  const wanted = [...new Set(tods)].filter((tod) => tod !== NO_TOD);
  const read = await Promise.all(wanted.map((tod) => store.overview(cube, show, month, tod, band, factor)));
  if (read.includes(null)) return null;
  const maps = new Map(wanted.map((tod, n) => [tod, read[n]]));
  const values = Float32Array.from(tods, (tod, cell) => maps.get(tod)?.values[cell] ?? NaN);
  const counts = read[0]?.counts && Float32Array.from(tods, (tod, cell) => maps.get(tod)?.counts[cell] ?? NaN);
  return { values, counts, rows, columns, factor, tods };
}
