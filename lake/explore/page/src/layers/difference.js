/** Layers of two slices: their difference, in colours centred at 0; and both in one range of colours, side by side. */

import { COLOUR_MAPS, DIVERGING } from "../drawing/colours.js";
import { measure, range } from "../reading/statistics.js";
import { quantityOf } from "../reading/store.js";
import { namesOf } from "../state/comparison.js";
import { OF_CELLS, SUSPECT, greysOf, imagesOf, isSuspectOf, joined, partOf, ranged, resolved, statistics, text, timeAt, titleOf, valueAt } from "./layers.js";

const COLOURS = COLOUR_MAPS[DIVERGING];
const NEITHER = "no value in one of the two"; // the words of lake/plot/layers.py

/** The coarse map of the first minus that of the second, as of Store.overview; null: one of them has none. */
export function coarseDifference([first, second]) {
  if (!first || !second) return null;
  return { ...first, counts: undefined, values: first.values.map((value, cell) => value - second.values[cell]) };
}

/**
 * The first slice minus the second.
 *
 * coarses: of the first, the second and their difference; parts: of detail.js, likewise; undefined: not read.
 */
export function difference(slices, { coarses, parts, pixels, fixed }) {
  const { store, selection } = slices[0];
  const shows = slices.map((slice) => slice.selection.show);
  const { coarse, detail, qualifier } = resolved(shows, { coarse: coarses[2], detail: parts?.[2] });
  const tiles = detail ? [...detail.tiles] : [];
  const measured = range(coarse ? ranged(coarse) : joined(tiles));
  const reach = Math.max(...(fixed ?? measured ?? [0]).map(Math.abs));
  const limits = measured && [-reach, reach];
  const images = imagesOf(store, { coarse, detail, pixels, limits, colours: COLOURS, map: DIVERGING });
  const names = namesOf(slices);
  const value = (row, column) => {
    const found = valueAt(store, { coarse, detail, pixels }, row, column);
    if (typeof found === "string") return found;
    const both = slices.map((slice, n) => {
      const each = valueAt(slice.store, { coarse: coarse && coarses[n], detail: detail && parts[n], pixels }, row, column);
      return { ...each, text: text(each, slice.store, slice.selection) + timeAt(each, store, row, column) };
    });
    const lacking = both.flatMap((each, n) => (Number.isNaN(each.value) ? [`${names[n]}: ${each.text}`] : []));
    if (lacking.length) return `${NEITHER} (${lacking.join("; ")})${found.over}`;
    return `difference ${text(found, store, selection)} (${both[0].text} minus ${both[1].text})${found.over}`;
  };
  const greys = greysOf(slices[0], coarse, tiles, pixels, !coarse && (detail?.isPartial ?? true), NEITHER);
  const isSuspect = slices.some((slice) => isSuspectOf(slice.store, slice.selection.show));
  const isNothing = !measured && (coarse || detail?.isWhole);
  const note = isSuspect ? SUSPECT : isNothing ? NEITHER : "";
  const { unit } = quantityOf(store.cubes[selection.cube], selection.band);
  const title = `difference of ${titlesOf(slices).join(" and ")}${qualifier}`;
  const legend = { title, note, greys, ...(limits && { ramp: COLOURS, limits, ends: ["≤ ", "≥ "], unit, isFixed: !!fixed, isCentred: true }) };
  const part = partOf(store, selection, { coarse, detail }, { name: title, unit });
  return { images, legend, value, part, isBare: !coarse, about: [`${names[0]}, minus`, names[1]] };
}

/** Both slices in one range of colours: `images` of the first, `beyond` of the second; arguments as of `difference`. */
export function swipe(slices, { coarses, parts, pixels, fixed, map, scale }) {
  const shows = slices.map((slice) => slice.selection.show);
  const read = slices.map((_, n) => ({ coarse: coarses[n], detail: parts?.[n] }));
  const values = slices.map(({ selection }, n) => {
    const { coarse, detail } = resolved([selection.show], read[n]);
    return { values: coarse ? ranged(coarse) : joined(detail ? [...detail.tiles] : []) };
  });
  const { measured, isLog } = measure(joined(values), scale === "log");
  const shared = { pixels, fixed, map, common: measured ?? undefined, scale: isLog ? "log" : undefined };
  const [first, second] = slices.map(({ store, selection }, n) =>
    statistics(store, selection, { ...read[n], ...shared }));
  const names = namesOf(slices);
  const value = (row, column) => {
    const texts = [first, second].map((layer, n) => [names[n], layer.value(row, column)]);
    return texts.filter(([, said]) => said).map((pair) => pair.join(": ")).join(" · ");
  };
  const greys = [...first.legend.greys, ...second.legend.greys.filter(({ name }) => first.legend.greys.every((grey) => grey.name !== name))];
  const title = shows.some((show) => OF_CELLS.has(show)) ? [...new Set([first.legend.title, second.legend.title])] : titlesOf(slices);
  const legend = { ...first.legend, title: title.join(" and "), note: first.legend.note || second.legend.note, greys };
  const part = (...where) => beside([first, second].map((layer) => layer.part(...where)), names);
  return { ...first, value, legend, names, part, beyond: second, about: [`left: ${names[0]}`, `right: ${names[1]}`] };
}

/** Both parts as bands of one; undefined: one is not there, or is of another resolution. */
function beside(parts, names) {
  const [first, second] = parts;
  if (first?.size === undefined || first.size !== second?.size) return undefined;
  return { ...first, bands: parts.map(({ bands: [band] }, n) => ({ ...band, name: `${band.name}: ${names[n]}` })) };
}

function titlesOf(slices) {
  return [...new Set(slices.map(({ store, selection }) => titleOf(store, selection)))];
}
