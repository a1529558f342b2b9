/**
 * What the map shows of a statistic of the store: colours, legend, and the value or the reason for grey under a place.
 *
 * A layer is { images, legend, value(row, column), part(box, visible), colour(pixel), groups }: `images` for the map,
 * the first one of all pixels if there is any; `value` as text; `part`: the numbers of a box, as part.js has them;
 * `colour` of layers of pixels alone; `groups`, { name, has(pixel), words() }, of those that can be picked at once.
 */

import { clock, timeName } from "../drawing/charts.js";
import { ABSENT, BELOW, COLOUR_MAPS, FEW, LATE, UNREAD, canvas, css, rgba, scale } from "../drawing/colours.js";
import { pixelAt } from "../reading/detail.js";
import { NO_TOD, todsAt } from "../reading/local_hours.js";
import { measure } from "../reading/statistics.js";
import { quantityOf } from "../reading/store.js";
import { reachOf, solar } from "../words/hours.js";
import { formatNumber } from "../words/table.js";
import { ofCells, ofTiles } from "./part.js";

const GROUND = rgba(...ABSENT);
const GREYS = { absent: GROUND, rare: rgba(...FEW), late: rgba(...LATE) };
export const NAMES = {
  mean: "mean", stddev: "standard deviation", count: "observations a pixel", min: "minimum",
  max: "maximum", skewness: "skewness", kurtosis: "excess kurtosis",
};
const METRIC = { mean: "m1", stddev: "m2", skewness: "m3", kurtosis: "m4", count: "count", min: "min", max: "max" };
/** Statistics whose numbers of a cell are not those of its pixels: the two never share a map. */
export const OF_CELLS = new Set(["stddev", "min", "max"]);
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
 * differences between its pixels, that of a pixel does not: they never share a map, nor do extremes. `fixed`: where the
 * colours begin and end; undefined: at those of `common`, else at the 2nd and 98th percentile. `map`: name of
 * the colours. `scale`: "log": logarithmic, where values are above 0.
 */
export function statistics(store, selection, { coarse: cells, detail: read, pixels, fixed, map, scale: kind, common }) {
  const { show, cube, band } = selection;
  const { coarse, detail, qualifier } = resolved([show], { coarse: cells, detail: read });
  const tiles = detail ? [...detail.tiles.values()] : [];
  const values = coarse ? ranged(coarse) : joined(tiles);
  const { measured, isLog } = common ? { measured: common, isLog: kind === "log" } : measure(values, kind === "log");
  const limits = measured && (fixed ?? measured);
  const images = imagesOf(store, { coarse, detail, pixels, limits, colours: COLOUR_MAPS[map], map, isLog });
  const { unit } = quantityOf(store.cubes[cube], band);
  const value = reader(store, selection, { coarse, detail, pixels });
  const isSuspect = isSuspectOf(store, show);
  const nothing = coarse || detail?.isWhole ? "no value in this month at this time of day" : "";
  const logarithmic = isLog ? "logarithmic colours" : kind === "log" && measured ? "no value is above 0: the colours are not logarithmic" : "";
  const note = [isSuspect ? SUSPECT : measured ? "" : nothing, logarithmic].filter(Boolean).join("; ");
  const greys = greysOf({ store, selection }, coarse, tiles, pixels, !coarse && (detail?.isPartial ?? true));
  const isBelow = isLog && [coarse?.values ?? values, ...tiles.map((tile) => tile.values)].some((all) => all.some((each) => each <= 0));
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
    return coarse ? ofCells(coarse, box, band) : undefined;
  };
}

/** The values that the colours of a coarse map go by: those of the coarser map before it, if there was one. */
export function ranged(coarse) {
  return (coarse.before ?? coarse).values;
}

function square({ factor }) {
  return `${factor} × ${factor}`;
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
export function resolved(shows, { coarse, detail }) {
  if (!coarse || !shows.some((show) => OF_CELLS.has(show))) return { coarse, detail, qualifier: "" };
  if (detail?.isWhole) return { coarse: null, detail, qualifier: " of each pixel" };
  return { coarse, detail: undefined, qualifier: ` of ${square(coarse)} pixels together` };
}

/** The images of a coarse map and of tiles, remembered with them; `colours` from one of the limits to the other. */
export function imagesOf(store, { coarse, detail, pixels, limits, colours, map, isLog = false }) {
  const colour = limits ? scale(colours, limits, isLog) : () => 0;
  const painting = `${map} ${limits} ${isLog}`;
  const images = coarse ? [cut(coarse, colour, painting, pixels)] : [];
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
    return typeof found === "string" ? found : text(found, store, selection) + timeAt(found, store, row, column) + found.over;
  };
}

/** { value, isFew, over: whose value it is, tod: its time of day in a map of one local hour, or NO_TOD } at a row and column; else why nothing was read, as text. */
export function valueAt(store, { coarse, detail, pixels }, row, column) {
  const exact = detail?.value(row, column);
  if (exact !== undefined) return { ...exact, over: "" };
  if (!coarse) return pixels && pixelAt(store.grid, pixels.places, row, column) >= 0 ? NOT_READ : "";
  const [y, x] = [row, column].map((at) => Math.floor(at / coarse.factor));
  if (y < 0 || x < 0 || y >= coarse.rows || x >= coarse.columns) return "";
  const cell = y * coarse.columns + x;
  return { value: coarse.values[cell], isFew: coarse.counts?.[cell] > 0, tod: coarse.tods?.[cell], over: ` over ${square(coarse)} pixels` };
}

/** The greys that are on the map, with what they mean; `none`: that nothing was observed. */
export function greysOf({ store, selection }, coarse, tiles, pixels, isUnread, none) {
  const seen = { none: false, few: false, late: false };
  const note = (value, isFew, tod) => {
    if (Number.isNaN(value)) seen[tod === NO_TOD && !none ? "late" : isFew ? "few" : "none"] = true;
  };
  if (coarse && pixels) for (const cell of pixels.cellsOf(coarse)) note(coarse.values[cell], coarse.counts?.[cell] > 0, coarse.tods?.[cell]);
  for (const { values, few, tods, refinement } of tiles) for (let i = 0; i < values.length; i++) note(values[i], few[i], tods?.[Math.floor(i / refinement ** 2)]);
  return [
    ...(seen.none ? [{ colour: css(ABSENT), name: none ?? NONE }] : []),
    ...(seen.few ? [{ colour: css(FEW), name: TOO_FEW[selection.show] }] : []),
    ...(seen.late ? [{ colour: css(LATE), name: lateWords(store, selection) }] : []),
    ...(isUnread && pixels ? [{ colour: css(UNREAD), name: NOT_READ }] : []),
  ];
}

/** The image of a coarse map, remembered with it: of its cells, or of the pixels that lie in them. */
function cut(coarse, colour, painting, pixels) {
  const painted = `${painting} ${!!pixels}`;
  if (coarse.painted === painted) return coarse.image;
  const grey = (cell) => (coarse.tods?.[cell] === NO_TOD ? GREYS.late : coarse.counts?.[cell] > 0 ? GREYS.rare : GROUND);
  const colours = Uint32Array.from(coarse.values, colour);
  const cells = pixels?.cellsOf(coarse);
  coarse.painted = painted;
  coarse.image = pixels
    ? pixels.image((i) => colours[cells[i]] || grey(cells[i]))
    : { canvas: canvas(colours, coarse.rows, coarse.columns), row: 0, column: 0, size: coarse.factor };
  return coarse.image;
}

/** A value of a statistic with its unit; why there is none. */
export function text({ value, isFew, tod }, store, selection) {
  const { show, cube, band } = selection;
  if (tod === NO_TOD) return lateWords(store, selection);
  if (Number.isNaN(value)) return isFew ? TOO_FEW[show] : NONE;
  const { unit } = quantityOf(store.cubes[cube], band);
  return formatNumber(value) + (BARE.has(show) || unit === "1" ? "" : ` ${unit}`);
}

/** " at 18:00 UTC (11:54 local)": what a place of a map of one local hour shows; empty on other maps. */
export function timeAt({ tod }, store, row, column) {
  const place = store.grid.lonlat(row, column);
  return tod === undefined || tod === NO_TOD || !place ? "" : ` at ${clock(tod)} UTC (${clock(solar(tod, place[0]))} local)`;
}

/** Which times of day a map of one local hour is of, in words; empty: it is of one time of day. */
export function nearWords({ store, selection: { cube, local } }) {
  if (local === undefined) return "";
  const tods = todsAt(store, cube, local).map(clock);
  const order = ["", ": ", ", from east to west "][Math.min(tods.length, 2)];
  return `each place at its nearest stored time of day${order}${tods.join(", ")}${order && " UTC"}`;
}

/** Why a place of a map of one local hour has no value. */
function lateWords(store, { cube, local }) {
  const reach = reachOf(store.cubes[cube].tods);
  if (Number.isNaN(reach)) return `${cube} has one time of day alone`;
  return `no stored time of day within ${reach % 3600 ? `${reach / 60} min` : `${reach / 3600} h`} of ${timeName({ local })}`;
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
