/**
 * How the vectors of the chosen pixels move over the year and over the day, by a run of `lake trajectory`.
 *
 * The plane and the means are those of `lake plot loops` (jobs/figures/trajectory_loops.py).
 */

import * as zarr from "zarrita";

import { MONTHS } from "../drawing/charts.js";
import { loopChart } from "../drawing/loops.js";
import { consent, withdraw } from "../reading/fetching.js";
import { Generation, damaged } from "../reading/generation.js";
import { PACKED } from "../reading/store.js";
import { runName } from "../words/names.js";

const PERIODS = ["trajectory", "second"];
const LEAST_STEPS = 3;
const KEPT = 2; // chunks

const get = (id) => document.getElementById(id);

export class Trajectory {
  /** listeners: { tried(work), changed(isOpen) }. */
  constructor(listeners) {
    this.turn = 0; // of reading: a later one ends those before
    get("loops").addEventListener("toggle", () => {
      listeners.changed(get("loops").open);
      listeners.tried(() => this.show(this.marks ?? []));
    });
  }

  /** The newest run on the pixels of a store. */
  enter(objects, runs) {
    const run = runs.find(({ job, arrays }) => job === "trajectory" && arrays.length);
    if (run?.id !== this.run?.id) this.opened = undefined;
    [this.run, this.objects] = [run, objects];
    get("loops").hidden = !run;
    this.forget();
    if (run) get("loops-of").textContent = `${runName(run, runs)}. Line: this period, dashed: the other; grey: mean of the pixels around`;
  }

  /** Show no loops. */
  forget() {
    this.turn++;
    this.marks = [];
    withdraw("trajectory");
    get("loop-charts").replaceChildren();
  }

  /** Read and draw chosen pixels, { name, pixel }, if the loops are to be seen. */
  async show(marks) {
    this.forget(); // else they would look like those of what was chosen
    const { turn } = this;
    this.marks = marks;
    const isSeen = this.run && get("loops").open && marks.length;
    if (!isSeen) return;
    this.opened ??= new Opened(this.objects, this.run.path).open();
    const opened = await this.opened;
    const isAllowed = await consent("trajectory", opened.bytes(marks), "The paths of the pixels around:");
    if (!isAllowed || turn !== this.turn) return;
    const paths = await Promise.all(marks.map(async ({ name, pixel }) => ({ name, ...(await opened.of(pixel)) })));
    if (turn !== this.turn) return;
    const charts = ["annual", "diurnal"].flatMap((over) => loopsOver(over, opened, paths));
    const none = Object.assign(document.createElement("p"), { className: "faint", textContent: "The run has too few months and times of day for a loop." });
    get("loop-charts").replaceChildren(...(charts.length ? charts : [none]));
  }
}

/** The group of a run: `months`, `tods`, `latent`, how many numbers a vector has, `channels`. */
class Opened {
  constructor(objects, path) {
    this.generation = new Generation(objects, path);
    this.chunks = new Map();
  }

  async open() {
    await this.generation.open();
    const { metadata } = this.generation;
    const array = (name) => zarr.open.v3(zarr.root(this.generation).resolve(name), { kind: "array" });
    this.arrays = await Promise.all(PERIODS.map(array));
    const whole = async (name) => Array.from((await zarr.get(await array(name))).data, Number);
    [this.months, this.tods] = await Promise.all(["month", "tod"].map(whole));
    this.latent = this.arrays[0].shape[3];
    this.channels = metadata.channel.shape[0];
    return this;
  }

  #chunk(pixel) {
    return Math.floor(pixel / this.arrays[0].chunks[0]);
  }

  /** Bytes that reading chosen pixels takes. */
  bytes(marks) {
    const missing = new Set(marks.map(({ pixel }) => this.#chunk(pixel)).filter((number) => !this.chunks.has(number)));
    return missing.size * PERIODS.length * PACKED * 4 * this.arrays[0].chunks.reduce((product, length) => product * length, 1);
  }

  /** { own, around }: of both periods (month, tod, latent) of a pixel, and the mean of those in its chunk. */
  async of(pixel) {
    const number = this.#chunk(pixel);
    const reading = this.chunks.get(number) ?? this.#read(number);
    this.chunks.set(number, reading);
    if (this.chunks.size > KEPT) this.chunks.delete(this.chunks.keys().next().value);
    const { periods, means } = await reading.catch((error) => {
      this.chunks.delete(number);
      throw error;
    });
    const width = means[0].length;
    const first = (pixel % this.arrays[0].chunks[0]) * width;
    return { own: periods.map((values) => values.subarray(first, first + width)), around: means };
  }

  async #read(number) {
    const periods = await Promise.all(this.arrays.map(async (array, n) => {
      try {
        return (await array.getChunk([number, 0, 0, 0])).data;
      } catch (error) {
        throw damaged(this.generation.objects.url(`${this.generation.path}/${PERIODS[n]}`), error);
      }
    }));
    const width = this.months.length * this.tods.length * this.latent;
    return { periods, means: periods.map((values) => meanOf(values, width)) };
  }
}

/** The mean of rows of some width, of what is not NaN. */
function meanOf(values, width) {
  const [sum, count] = [new Float64Array(width), new Float64Array(width)];
  for (let i = 0; i < values.length; i++) {
    if (Number.isNaN(values[i])) continue;
    sum[i % width] += values[i];
    count[i % width]++;
  }
  return sum.map((total, i) => total / count[i]);
}

/** The chart of a cycle, as a list; empty: it has too few steps. */
function loopsOver(over, { months, tods, latent, channels }, paths) {
  const isYear = over === "annual";
  const steps = isYear ? months : hours(tods);
  if (steps.length < LEAST_STEPS) return [];
  const isFlat = channels === 1 || latent === 1; // one direction alone: against time
  const axes = isFlat ? [undefined, isYear ? 0 : latent - 1] : [0, latent - 1];
  const placed = (values) =>
    course(values, [months.length, tods.length, latent], isYear).map((vector, i) => axes.map((k) => (k === undefined ? steps[i] : vector[k])));
  const lines = paths.map(({ name, own, around }) => ({ name, periods: own.map(placed), around: placed(around[0]) }));
  const names = isYear ? months.map((month) => MONTHS[month - 1]) : tods.map((tod) => String(Math.round(tod / 3600)).padStart(2, "0"));
  const [across, up] = axes.map((k) => (k === undefined ? (isYear ? "month" : "hour (UTC)") : direction(k, months, tods, latent)));
  const gaps = steps.slice(1).map((step, i) => step - steps[i]);
  const isClosed = !isFlat && steps[0] + (isYear ? 12 : 24) - steps.at(-1) <= Math.max(...gaps) + 1e-9;
  return [loopChart(lines, { title: isYear ? "Loop over the year" : "Loop over the day, UTC", names, across, up, isClosed })];
}

/** "along direction 1 of the year" of a number of a vector: those of the year come first, then those of the day. */
function direction(k, months, tods, latent) {
  const count = latent / [months, tods].filter((steps) => steps.length > 1).length;
  return `along direction ${(k % count) + 1} of the ${k < count && months.length > 1 ? "year" : "day"}`;
}

/** Hours since the midnight (UTC) before the first time of day, each later than the one before it. */
function hours(tods) {
  const first = tods[0] / 3600;
  return tods.map((tod) => first + ((tod / 3600 - first + 24) % 24));
}

/**
 * Vectors of the steps of a cycle: means over the other one, of which the mean course is taken off before, so that a
 * month in which no morning was observed is no warmer for that; values: (month, tod, latent), NaN: not observed.
 */
export function course(values, [months, tods, latent], isYear) {
  const [steps, others] = isYear ? [months, tods] : [tods, months];
  const at = (step, other, k) => values[((isYear ? step : other) * tods + (isYear ? other : step)) * latent + k];
  const places = (count) => [...Array(count).keys()];
  const columns = places(latent).map((k) => {
    const level = places(others).map((other) => mean(places(steps).map((step) => at(step, other, k))));
    const centre = mean(level);
    return places(steps).map((step) => mean(places(others).map((other) => at(step, other, k) - level[other] + centre)));
  });
  return places(steps).map((step) => columns.map((column) => column[step]));
}

function mean(values) {
  const present = values.filter((value) => !Number.isNaN(value));
  return present.length ? present.reduce((sum, value) => sum + value, 0) / present.length : NaN;
}
