/** Slices, { store, selection: { show, cube, month, tod or local, band } }: their coarse maps, and what the map shows of them. */

import { consent } from "../reading/fetching.js";
import { localOverview, todsAt } from "../reading/local_hours.js";
import { Stopped } from "../reading/objects.js";
import { PACKED } from "../reading/store.js";
import { coarseDifference, difference, swipe } from "./difference.js";
import { statistics } from "./layers.js";

/** Bytes of the coarse maps of slices, of cells `factor` pixels wide; a deviation has counts, a local hour several times. */
export function mapBytes(slices, factor) {
  return slices.reduce((sum, { store, selection: { show, cube, local } }) => {
    const tods = local === undefined ? 1 : todsAt(store, cube, local).length;
    const maps = tods * (show === "stddev" ? 2 : 1);
    return sum + (maps * 4 * PACKED * store.grid.rows * store.grid.columns) / factor ** 2;
  }, 0);
}

/** The coarse maps of one or two slices, and of two their difference; null: there is none. `factor` as of store.js. */
export async function overviews(slices, pixels, factor = slices[0].store.factors[0]) {
  const isAllowed = !factor || (await consent("map", mapBytes(slices, factor), "The maps of all times of day that are needed:"));
  if (!isAllowed) throw new Stopped();
  const coarses = await Promise.all(slices.map((slice) => overview(slice, pixels, factor)));
  return coarses.length > 1 ? [...coarses, coarseDifference(coarses)] : coarses;
}

/** The coarse map of a slice; counts as means of pixels, as full resolution has them. */
async function overview({ store, selection }, pixels, factor) {
  const { show, cube, month, tod, band, local } = selection;
  if (show === "count" && !pixels) return null;
  const coarse = await (local === undefined ? store.overview(cube, show, month, tod, band, factor) : localOverview(store, selection, factor));
  if (!coarse || show !== "count") return coarse;
  return { ...coarse, values: pixels.perPixel(coarse, store.cubes[cube].refinement ** 2) };
}

/** The layer of one slice; of two, as `versus` says. `look` as of layers.js; `detail`: of detail.js. */
export function sliceLayer({ slices, coarses }, { detail, versus, ...look }) {
  const parts = detail?.isOf(slices) ? coarses.map((_, n) => detail.part(n)) : undefined;
  const [{ store, selection }] = slices;
  if (slices.length === 1) return statistics(store, selection, { ...look, coarse: coarses[0], detail: parts?.[0] });
  return (versus === "swipe" ? swipe : difference)(slices, { ...look, coarses, parts });
}
