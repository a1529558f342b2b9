/** The mean loop of many pixels over the year and over the day, by a run of `lake trajectory`: of a sample of them. */

import { loopChart, placed, plane } from "../drawing/loops.js";
import { FREE_BYTES, consent, withdraw } from "../reading/fetching.js";
import { Paths, course } from "../reading/paths.js";
import { said, sample } from "../reading/sample.js";
import { runName } from "../words/names.js";
import { download, formatNumber, loopsCsv } from "../words/table.js";

const LEAST_CHUNKS = 4; // of a sample: one place alone is no class

const get = (id) => document.getElementById(id);

export class MeanLoop {
  /** listeners: { tried(work), say(text) }. */
  constructor(listeners) {
    this.listeners = listeners;
    this.turn = 0; // of reading: a later one ends those before
    get("mean-loop-csv").addEventListener("click", () => {
      const name = `mean_loop_of_picked_of_${this.key.replaceAll("/", "_")}.csv`;
      download(name, loopsCsv(this.key, this.run.id, `${this.said}: ${this.words}`, this.loops));
    });
  }

  /** The newest run on the pixels of a store. */
  enter(objects, key, runs) {
    const run = runs.find(({ job, arrays }) => job === "trajectory" && arrays.length);
    if (run?.id !== this.run?.id) this.opened = undefined;
    Object.assign(this, { run, runs, key, objects });
    this.forget();
  }

  /** Show none. */
  forget() {
    this.turn++;
    this.loops = undefined;
    withdraw("mean-loop");
    get("mean-loop").hidden = true;
  }

  /** Read that of pixels; words: what they are. */
  async read(pixels, words) {
    this.forget();
    const { turn } = this;
    const isWanted = () => turn === this.turn;
    this.opened ??= new Paths(this.objects, this.run.path).open();
    const paths = await this.opened;
    const { size, chunkBytes } = paths;
    const part = sample(pixels, { size, bytes: chunkBytes, chunks: Math.max(LEAST_CHUNKS, FREE_BYTES / chunkBytes) });
    if (!isWanted() || !(await consent("mean-loop", part.bytes, "The paths of some of these pixels:")) || !isWanted()) return;
    this.listeners.say("Reading the picked pixels …");
    const read = [];
    for (const pixel of part.pixels) {
      read.push((await paths.of(pixel)).own);
      if (!isWanted()) return;
    }
    this.listeners.say("");
    this.words = words;
    this.said = `Mean loop of ${said(part.pixels.length, pixels.length)}`;
    this.loops = ["annual", "diurnal"].flatMap((over) => meanLoop(over, paths, read));
    this.#show();
  }

  #show() {
    const { loops } = this;
    get("mean-loop").hidden = false;
    get("mean-loop-of").textContent = loops.length
      ? `${this.said}; ${runName(this.run, this.runs)}. Line: this period, dashed: the other. ${apartOf(loops[0])}`
      : "The run has too few months and times of day for a loop.";
    get("mean-loop-charts").replaceChildren(...loops.map(({ plane: drawn, periods }) =>
      loopChart([{ name: "", periods: periods.map(({ mean }) => placed(mean, drawn)) }], drawn)));
    get("mean-loop-csv").hidden = !loops.length;
  }
}

/**
 * The mean loop of a cycle, as a list; empty: the run has too few steps. Both periods of every pixel were read.
 *
 * { over, plane, apart: standard deviation of the pixels' centres, of each number of a vector, in the first period;
 * periods: { mean, pixels } of both: the vector of each step, and of how many pixels }. The centre of each pixel is
 * taken off before the mean, so that a step in which few pixels were observed lies no farther away for that.
 */
function meanLoop(over, { months, tods, latent, channels }, read) {
  const drawn = plane(over, { months, tods, latent, channels });
  if (!drawn) return [];
  const count = drawn.steps.length;
  const periods = [0, 1].map((period) => {
    const loops = read.map((own) => course(own[period], [months.length, tods.length, latent], over === "annual"));
    const values = Float64Array.from({ length: count * loops.length * latent }, (_, i) =>
      loops[Math.floor(i / latent) % loops.length][Math.floor(i / latent / loops.length)][i % latent]);
    const pixels = drawn.names.map((_, step) => loops.filter((loop) => !Number.isNaN(loop[step][0])).length);
    return { mean: course(values, [count, loops.length, latent], true), pixels, loops };
  });
  const apart = Array.from({ length: latent }, (_, k) => deviation(periods[0].loops.map((loop) => centre(loop.map((vector) => vector[k])))));
  return [{ over, plane: drawn, periods, apart }];
}

/** How far the pixels themselves lie apart, in words. */
function apartOf({ plane: { axes, across, up }, apart }) {
  const along = axes.map((k, axis) => k !== undefined && `${formatNumber(apart[k])} ${[across, up][axis]}`).filter(Boolean);
  return `The centres of the pixels' own loops have a standard deviation of ${along.join(" and ")}`;
}

function centre(values) {
  const present = values.filter((value) => !Number.isNaN(value));
  return present.reduce((sum, value) => sum + value, 0) / present.length;
}

/** The standard deviation of what is not NaN. */
function deviation(values) {
  const present = values.filter((value) => !Number.isNaN(value));
  const middle = centre(present);
  return Math.sqrt(centre(present.map((value) => (value - middle) ** 2)));
}
