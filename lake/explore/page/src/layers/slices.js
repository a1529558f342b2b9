/** Slices, { store, selection: { show, cube, month, tod or local, band } }: their coarse maps, and what the map shows of them. */

import { localOverview } from "../reading/local_hours.js";
import { coarseDifference, difference, swipe } from "./difference.js";
import { statistics } from "./layers.js";

/** The coarse maps of one or two slices, and of two their difference; null: there is none. `factor` as of store.js. */
export async function overviews(slices, pixels, factor) {
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
