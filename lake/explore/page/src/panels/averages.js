/** What many pixels have in the mean: of a sample of them that is cheap to read, their spectrum, year and day. */

import { charts, spectra } from "../drawing/charts.js";
import { FREE_BYTES, consent, isFree, withdraw } from "../reading/fetching.js";
import { said, sample } from "../reading/sample.js";
import { PACKED } from "../reading/store.js";
import { averagesCsv, download } from "../words/table.js";

const AT_A_TIME = 8;

const get = (id) => document.getElementById(id);

/** Reads and shows them, below the picked pixels. */
export class Averages {
  /** listeners: { tried(work), say(text), moment(): { month, tod, clock } that are shown }. */
  constructor(listeners) {
    this.listeners = listeners;
    this.turn = 0; // of reading: a later one ends those before
    get("mean-csv").addEventListener("click", () => {
      const name = `mean_of_picked_of_${this.store.key.replaceAll("/", "_")}.csv`;
      download(name, averagesCsv(this.store.key, `${this.said}: ${this.words}`, this.rows));
    });
  }

  /** Show none. */
  forget() {
    this.turn++;
    this.rows = undefined;
    withdraw("averages");
    get("mean").hidden = true;
  }

  /** Read those of pixels of a store; places: as of Store.places; words: what the pixels are. */
  async read(store, places, pixels, words) {
    this.forget();
    Object.assign(this, { store, places, words });
    if (!store.turned && !store.fullCubes.length) return this.listeners.say("The numbers of pixels are not in this copy of the lake");
    const turn = this.turn;
    const isWanted = () => turn === this.turn;
    await store.turned?.open();
    const [{ month }, all] = [this.listeners.moment(), store.months];
    const part = sampled(store, pixels);
    const year = part.bytes * (store.turned ? 1 : all.length);
    const take = (months) => this.#take(part.pixels, pixels.length, months, isWanted);
    if (store.turned || isFree("averages", year)) return take(all);
    if (!isWanted() || !(await consent("averages", part.bytes, "The month of some of these pixels:"))) return;
    await take([month]);
    if (!isWanted()) return;
    consent("averages", year, "Only this month is shown. The whole year:").then((isAllowed) =>
      isAllowed && isWanted() && this.listeners.tried(() => take(all)));
  }

  async #take(pixels, total, months, isWanted) {
    this.listeners.say("Reading the picked pixels …");
    const rows = await averages(this.store, pixels, months, isWanted);
    if (!isWanted()) return;
    Object.assign(this, { rows, months, pixels, total });
    this.said = `Mean of ${said(pixels.length, total)}`;
    this.listeners.say("");
    this.show();
  }

  /** Draw what was read, at the month and time of day that are shown; what is not there is read. */
  show() {
    if (!this.rows) return;
    const [moment, lon] = [this.listeners.moment(), this.#longitude()];
    get("mean").hidden = false;
    get("mean-of").textContent = `${this.said}; bars: standard deviation between them${moment.clock === "solar" || moment.local !== undefined ? "; solar time at their mean longitude" : ""}`;
    get("mean-charts").replaceChildren(...spectra(this.rows, moment, lon), ...charts([{ name: "", rows: this.rows, lon }], moment));
  }

  /** The mean longitude of the pixels that were read. */
  #longitude() {
    const { grid } = this.store;
    const { row, column } = this.places;
    const origin = grid.projection.longitude_of_projection_origin;
    const east = this.pixels.map((pixel) => ((grid.lonlat(row[pixel] + 0.5, column[pixel] + 0.5)[0] - origin + 540) % 360) - 180);
    return origin + east.reduce((sum, degrees) => sum + degrees, 0) / east.length;
  }

  /** Another month is shown: of a store that is read month by month it is read. */
  async follow() {
    if (!this.rows || this.months.includes(this.listeners.moment().month)) return this.show();
    const { turn } = this;
    await this.#take(this.pixels, this.total, [this.listeners.moment().month], () => turn === this.turn);
  }
}

/** A sample of pixels, as of sample.js, of which a store without a run of 'lake series' reads one month. */
function sampled(store, pixels) {
  const [size, bytes] = store.turned
    ? [store.turned.size, store.turned.chunkBytes]
    : [store.layout.chunk, store.fullCubes.reduce((sum, cube) => sum + PACKED * store.chunkBytes(cube), 0)];
  return sample(pixels, { size, bytes, chunks: FREE_BYTES / bytes });
}

/**
 * Rows of slots, as of Store.series: `mean` is the mean of the pixels' means, `spread` their standard deviation,
 * `pixels` how many have one, `count` the sum of their observations. isWanted(): false ends it.
 */
async function averages(store, pixels, months, isWanted) {
  const sums = new Map();
  const steps = store.turned ? [undefined] : months.map((month) => [month]); // of a store a month stays in memory
  for (const step of steps) {
    const waiting = [...pixels];
    const work = async () => {
      while (waiting.length && isWanted()) add(sums, await (store.turned ?? store).series(waiting.shift(), step));
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, work));
  }
  return [...sums.values()].map(({ square, ...row }) => ({
    ...row, mean: row.pixels ? row.mean : NaN, spread: row.pixels > 1 ? Math.sqrt(square / row.pixels) : NaN,
  }));
}

/** Welford, "Note on a method for calculating corrected sums of squares and products", Technometrics 4 (1962). */
function add(sums, rows) {
  for (const { cube, band, quantity, unit, month, tod, count, mean } of rows) {
    const name = `${cube}/${month}/${tod}/${band}`;
    if (!sums.has(name)) sums.set(name, { cube, band, quantity, unit, month, tod, pixels: 0, count: 0, mean: 0, square: 0 });
    if (!Number.isFinite(mean)) continue;
    const sum = sums.get(name);
    sum.pixels += 1;
    sum.count += count;
    const delta = mean - sum.mean;
    sum.mean += delta / sum.pixels;
    sum.square += delta * (mean - sum.mean);
  }
}
