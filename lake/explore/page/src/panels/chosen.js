/** The chosen pixels, A and B: found by a place, marked on the map, read, compared, shown in the panel. */

import { pixelAt } from "../reading/detail.js";
import { withdraw } from "../reading/fetching.js";
import { readSeries } from "../reading/series.js";
import { degrees } from "../words/table.js";
import { Panel } from "./panel.js";
import { Trajectory } from "./trajectory.js";

/** What is shown by vectors, which are in memory then. */
export const VECTORS = ["similar", "rgb", "change"];

const get = (id) => document.getElementById(id);

export class Chosen {
  /** page: that has the map, the store and the state. */
  constructor(page) {
    this.page = page;
    const { messages } = page;
    this.panel = new Panel({ clear: () => this.clear(), compare: (on) => on && messages.say("Choose the pixel to compare with") });
    this.trajectory = new Trajectory({
      tried: (work) => messages.tried(work),
      changed: (isOpen) => page.isOpen && page.set({ loops: isOpen ? 1 : undefined }),
    });
  }

  /** Other runs, or another store. */
  enter(objects, runs) {
    this.trajectory.enter(objects, runs);
  }

  /** Show what is known at the month and time of day that are shown. */
  show() {
    this.panel.show(this.page.store.key, this.page.moment);
  }

  /** Show no pixel. */
  forget() {
    this.page.map.marks = [];
    this.panel.forget();
    this.trajectory.forget();
  }

  /** Mark the pixels that the state names. */
  markAll() {
    const { a, b, loops } = this.page.state;
    for (const [name, pixel] of [["A", a], ["B", b]]) if (pixel !== undefined) this.mark(name, pixel);
    get("loops").open = loops === 1;
    if (loops && !this.trajectory.run) this.#complain("No loops are shown: no run of lake trajectory on these pixels");
  }

  async readAll() {
    await Promise.all([...this.panel.all.map((pixel) => this.read(pixel)), this.trajectory.show(this.panel.all)]);
  }

  /** Read the month that is shown, of pixels of which the year was not read. */
  async readMonth() {
    await Promise.all(this.panel.all.filter((pixel) => !pixel.isWhole).map((pixel) => this.read(pixel)));
  }

  /** A pixel by its place: A, or the one to compare it with. */
  async choose(row, column, second) {
    const { page, panel } = this;
    const begin = performance.now();
    if (!page.isOpen) return;
    if (!page.places) return page.messages.say("Still reading where pixels lie");
    if (page.labelling.isOn) return page.labelling.give(row, column);
    const pixel = pixelAt(page.store.grid, page.places, row, column);
    if (pixel < 0) return page.messages.say("No pixel of the store lies there");
    const name = (second || panel.comparing) && panel.pixels.A ? "B" : "A";
    panel.comparing = false;
    page.state[name.toLowerCase()] = pixel;
    const mark = this.mark(name, pixel);
    if (name === "A" && page.state.show === "similar") {
      await page.painting.refresh(true);
      requestAnimationFrame(() => performance.measure("similar", { start: begin })); // it is drawn
    } else page.address.write(true);
    await Promise.all([this.read(mark), this.trajectory.show(panel.all)]);
  }

  mark(name, pixel) {
    const { page: { state, store, places, map }, panel } = this;
    if (!(pixel >= 0 && pixel < store.pixels)) {
      delete state[name.toLowerCase()];
      this.#complain(`${store.key} has no pixel ${pixel}: it has 0 to ${store.pixels - 1}`);
      return;
    }
    const [row, column] = [places.row[pixel], places.column[pixel]];
    const [lon, lat] = store.grid.lonlat(row + 0.5, column + 0.5);
    const mark = { name, pixel, row, column, lat, lon };
    panel.pixels[name] = mark;
    panel.similarity = undefined;
    map.marks = panel.all.map(({ name, row, column }) => ({ name, row, column }));
    map.draw();
    this.show();
    return mark;
  }

  /** Say what else a link names and cannot be shown. */
  #complain(text) {
    this.page.wrong.push(text);
    this.page.messages.complain(this.page.wrong.join(". "));
  }

  /** All that is known of a chosen pixel. */
  async read(pixel) {
    const { page, page: { store, messages }, panel } = this;
    const isStale = () => panel.pixels[pixel.name] !== pixel || page.store !== store;
    await readSeries(store, pixel.pixel, page.state.month, {
      tried: (work) => messages.tried(work),
      shown: (rows, isWhole) => {
        if (isStale()) return;
        [pixel.rows, pixel.isWhole] = [rows, isWhole];
        this.show();
      },
    });
    if (isStale()) return;
    await this.relate();
    const shown = pixel.rows?.length === 0 ? "numbers are not in this copy of the lake" : `${pixel.isWhole ? "year and day are" : "day is"} shown`;
    messages.say(`Pixel ${pixel.name}: ${degrees(pixel.lat, pixel.lon)}, its ${shown}`);
  }

  /** How similar A and B are, by the run that is on the map. */
  async relate() {
    const { page: { state, learnt }, panel } = this;
    const { A, B } = panel.pixels;
    const { show, run } = state;
    panel.similarity = undefined;
    const value = A && B && VECTORS.includes(show) ? await learnt?.cosine(run, A.pixel, B.pixel) : undefined;
    const isSame = panel.pixels.A === A && panel.pixels.B === B && this.page.state.show === show && this.page.state.run === run;
    if (!isSame || !A) return;
    panel.similarity = value;
    this.show();
  }

  clear() {
    const { page } = this;
    withdraw("year");
    this.forget();
    for (const name of ["a", "b"]) delete page.state[name];
    page.address.write(true);
    page.map.draw();
    get("canvas").focus();
    if (page.state.show === "similar") page.messages.tried(() => page.painting.refresh());
  }
}
