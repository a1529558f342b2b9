/**
 * Pixels that were picked, by a lasso in the scatter or on the map, as those of a class, or as similar ones: how many
 * they are, their file, a class for them, what they have in the mean.
 */

import * as zarr from "zarrita";

import { CHOSEN, Scatter, within } from "../map/scatter.js";
import { Generation } from "../reading/generation.js";
import { download, pixelsCsv } from "../words/table.js";
import { Averages } from "./averages.js";
import { MeanLoop } from "./mean_loop.js";

const LOOP = "pixels in a loop";

const get = (id) => document.getElementById(id);

export class Picked {
  /**
   * listeners: { tried(work), say(text), paint(): something else is on the map, label(pixels), embedding(): of the
   * chosen run, moment(): as of averages.js }.
   */
  constructor(listeners) {
    this.listeners = listeners;
    this.averages = new Averages(listeners);
    this.meanLoop = new MeanLoop(listeners);
    this.scatter = new Scatter(get("scatter"), { picked: (mask) => this.pick(mask) });
    get("plane").addEventListener("toggle", () => listeners.tried(() => this.open()));
    get("pick-clear").addEventListener("click", () => this.pick(undefined));
    get("pick-csv").addEventListener("click", () => {
      const text = pixelsCsv(this.store, this.places, this.chosen);
      download(`picked_of_${this.store.key.replaceAll("/", "_")}.csv`, text);
    });
    get("pick-label").addEventListener("click", () => listeners.tried(() => listeners.label(this.chosen)));
    get("pick-group").addEventListener("change", ({ target }) => this.pickGroup(this.groups[target.selectedIndex - 1]));
    get("pick-mean").addEventListener("click", () => listeners.tried(() => this.averages.read(this.store, this.places, this.chosen, this.words)));
    get("pick-loop").addEventListener("click", () => listeners.tried(() => this.meanLoop.read(this.chosen, this.words)));
  }

  /** Positions of the pixels that are picked. */
  get chosen() {
    return [...this.mask.keys()].filter((pixel) => this.mask[pixel]);
  }

  enter(objects, store, places, pixels, runs) {
    Object.assign(this, { objects, store, places, pixels, runs });
    this.points = undefined;
    this.meanLoop.enter(objects, store.key, runs);
    get("selection").hidden = false;
    this.#describe();
  }

  /** Pick nothing, of a store that is not shown any more. */
  forget() {
    this.mask = this.image = undefined;
    this.averages.forget();
    this.meanLoop.forget();
    get("selection").hidden = true;
  }

  /**
   * The run whose vectors are laid flat, the colour of every pixel on the map, and the groups of pixels that can be
   * picked, as of layers.js; undefined: there are none.
   */
  offer(run, colour, groups = []) {
    this.groups = groups;
    get("groups").hidden = !groups.length;
    const names = ["–", ...groups.map(({ name }) => name)];
    const list = get("pick-group");
    if (names.join() !== [...list.options].map((option) => option.text).join()) list.replaceChildren(...names.map((name) => new Option(name)));
    get("pick-label").hidden = run === undefined || !this.mask;
    get("plane").hidden = run === undefined;
    if (run === undefined) return;
    if (run !== this.run) this.points = undefined;
    this.run = run;
    this.colour = colour;
    if (get("plane").open) this.listeners.tried(() => this.open());
  }

  /** Draw the scatter; its points are read or computed once. */
  async open() {
    if (!get("plane").open || !this.run) return;
    const { run } = this;
    this.points ??= this.#read();
    const { values, title } = await this.points;
    if (run !== this.run) return;
    get("plane-title").textContent = title;
    if (this.scatter.points !== values) this.scatter.set(values);
    if (this.colour) this.scatter.paint(this.colour, this.mask);
  }

  /** { values, title }: Float32Array (pixel, 2) of a run of 'lake umap' with two numbers, else of principal axes. */
  async #read() {
    const flat = this.runs.find(({ job, numbers, arrays }) => job === "umap" && numbers === 2 && arrays.includes("embedding"));
    if (flat) {
      const generation = await new Generation(this.objects, flat.path).open();
      const array = await zarr.open.v3(zarr.root(generation).resolve("embedding"), { kind: "array" });
      return { values: (await zarr.get(array)).data, title: `${flat.id}, its two numbers` };
    }
    const { values, shares } = await (await this.listeners.embedding()).axes();
    const two = new Float32Array((2 * values.length) / 3);
    for (let i = 0; i < two.length; i++) two[i] = values[3 * (i >> 1) + (i & 1)];
    const percent = shares.slice(0, 2).map((share) => `${(100 * share).toFixed(1)} %`);
    return { values: two, title: `first two principal axes, ${percent.join(" and ")} of the variance` };
  }

  /** Pick pixels: Uint8Array (pixel), 1 where; undefined or none: nothing is picked. words: what they are. */
  pick(mask, words = LOOP) {
    this.averages.forget();
    this.meanLoop.forget();
    this.words = words;
    if (words === LOOP) get("pick-group").selectedIndex = 0;
    this.mask = mask?.includes(1) ? mask : undefined;
    this.image = this.mask && this.pixels.image((i) => (this.mask[i] ? CHOSEN : 0));
    this.#describe();
    this.listeners.paint();
  }

  /** Pick all pixels of a group; undefined: none. */
  pickGroup(group) {
    const mask = group && Uint8Array.from(this.places.row, (_, pixel) => Number(group.has(pixel)));
    this.pick(mask, group?.words?.() ?? group?.name);
    if (group && !this.mask) this.listeners.say("There is no such pixel");
  }

  /** Pick the pixels in a lasso on the map; place(row, column): [x, y] of its polygon. */
  lasso(polygon, place, [width, height]) {
    const { row, column } = this.places;
    this.pick(within(polygon, row.length, (i) => place(row[i] + 0.5, column[i] + 0.5), width, height));
  }

  #describe() {
    const count = this.mask ? this.mask.reduce((sum, one) => sum + one, 0) : 0;
    const share = ((100 * count) / this.places.row.length).toFixed(1);
    get("picked").textContent = count
      ? `${count.toLocaleString("en")} pixels picked (${share} %)${this.words === LOOP ? "" : `: ${this.words}`}`
      : "Draw a loop around points, or around land on the map with Shift held: it lights up on both.";
    for (const id of ["pick-clear", "pick-csv", "pick-mean"]) get(id).hidden = !count;
    get("pick-loop").hidden = !count || !this.meanLoop.run;
    get("pick-label").hidden = !count || get("plane").hidden;
  }
}
