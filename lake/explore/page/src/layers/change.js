/** What changed between two runs of one model, pixel by pixel: 1 minus the cosine of both vectors. */

import * as zarr from "zarrita";

import { ABSENT, COLOUR_MAPS, css, rgba, scale } from "../drawing/colours.js";
import { pixelAt } from "../reading/detail.js";
import { Generation } from "../reading/generation.js";
import { LakeError } from "../reading/objects.js";
import { range } from "../reading/statistics.js";
import { geometryOf } from "../reading/store.js";
import { cosine } from "../vectors/embedding.js";
import { NOTHING } from "../vectors/vectors.js";
import { formatNumber } from "../words/table.js";

const NEITHER = "no vector in one of the two";
const GROUND = rgba(...ABSENT);

/** Id of the run whose model gave a run its vectors. */
function modelOf({ job, id, settings }) {
  return job === "transform" ? settings.model : id;
}

/** [run, reason]: the other runs with vectors of the pixels of one, and why they cannot be compared with it. */
export function comparable(run, runs) {
  const isOther = (other) => other.id !== run.id && other.pixels === run.pixels && geometryOf(other.store) === geometryOf(run.store);
  return runs
    .filter((other) => isOther(other) && other.arrays.includes("embedding"))
    .map((other) => [other, modelOf(other) === modelOf(run) ? "" : "another model"]);
}

/** Whether a run has vectors that can be compared with those of another one. */
export function hasPair(run, runs) {
  return run.arrays.includes("embedding") && comparable(run, runs).some(([, reason]) => !reason);
}

/** Refuse a run whose pixels lie elsewhere than `places`. */
async function check(objects, run, places) {
  const generation = await new Generation(objects, run.path).open();
  const [row, column] = await Promise.all(["row", "column"].map(async (name) =>
    (await zarr.get(await zarr.open.v3(zarr.root(generation).resolve(name), { kind: "array" }))).data));
  if (row.every((at, i) => at === places.row[i]) && column.every((at, i) => at === places.column[i])) return;
  throw new LakeError(`${run.id} is of other pixels`, "Choose a run of the same ones");
}

/** Int16Array (pixel): cosines, times LEVELS, of the vectors of an embedding in memory to those of a run. */
export async function changes(objects, embedding, run, places) {
  await check(objects, run, places);
  return embedding.compare(run.path);
}

/** The layer; its `shade({ fixed, map })` paints it. names: of both runs' periods. */
export function changeLayer(pixels, scores, names) {
  const values = Float32Array.from(scores, (score) => 1 - cosine(score));
  const measured = range(values);
  const value = (row, column) => {
    const pixel = pixelAt(pixels.store.grid, pixels.places, row, column);
    if (pixel < 0) return "";
    return Number.isNaN(values[pixel]) ? NEITHER : `change ${formatNumber(values[pixel])} (cosine ${formatNumber(1 - values[pixel])})`;
  };
  const greys = scores.includes(NOTHING) ? [{ colour: css(ABSENT), name: NEITHER }] : [];
  const layer = { images: [], value, legend: { title: "change: 1 minus the cosine of both vectors", greys, ends: ["≤ ", "≥ "], unit: "" }, about: names };
  layer.part = pixels.part([{ name: layer.legend.title, unit: "1" }], (i) => [values[i]]);
  layer.shade = ({ fixed, map }) => {
    const limits = fixed ?? measured;
    const painting = `${map} ${limits}`;
    if (!limits || layer.painting === painting) return;
    layer.painting = painting;
    const colour = scale(COLOUR_MAPS[map], limits);
    layer.colour = (i) => colour(values[i]) || GROUND;
    layer.images = [pixels.image(layer.colour)];
    Object.assign(layer.legend, { ramp: COLOUR_MAPS[map], limits, isFixed: !!fixed });
  };
  return layer;
}
