/** Finer coarse maps and full resolution: read where they are worth their bytes, a moment after the map came to rest. */

import { FREE_BYTES, withdraw } from "../reading/fetching.js";
import { mapBytes, overviews } from "./slices.js";

const AFTER_MS = 250;
const FROM_ZOOM = 0.5; // screen pixels a pixel of the store
const LARGE_CELL = 2; // screen pixels: cells above are replaced by finer ones

const get = (id) => document.getElementById(id);

export class Resolution {
  /** page: that has the map, and `detail`. */
  constructor(page) {
    this.page = page;
  }

  soon() {
    this.stop();
    this.resting = setTimeout(() => this.page.messages.tried(() => this.read()), AFTER_MS);
  }

  stop() {
    clearTimeout(this.resting);
  }

  /** Another map is shown: it is neither sharp nor refined. */
  forget() {
    for (const name of ["sharp", "cells"]) delete get("map").dataset[name];
  }

  async read() {
    const { page, page: { detail, shown, messages, map: { visible, view } } } = this;
    withdraw("detail");
    if (!detail || page.isReading || !shown || shown.isLearnt) return;
    const { selection: { show }, slices, coarses } = shown;
    const isCoarse = coarses.every(Boolean);
    if (isCoarse) await this.#refine(shown, view.zoom);
    if (page.shown !== shown) return;
    const isThere = slices.every(({ store, selection: { cube } }) => store.fullCubes.includes(cube));
    if (!isThere) {
      if (!isCoarse) messages.say(`${show} is read at full resolution only, which is not in this copy of the lake`);
      return;
    }
    const isFine = view.zoom >= FROM_ZOOM || !isCoarse;
    if (!isFine || !detail.isAffordable(slices, visible)) {
      if (!isCoarse) messages.say(`Zoom in: ${show} is read at full resolution only`);
      return;
    }
    messages.mention("Reading full resolution …");
    await detail.read(slices, visible);
    messages.unsay("Reading full");
    if (page.shown === shown && detail.isWhole) get("map").dataset.sharp = JSON.stringify([...detail.tiles.keys()]);
  }

  /** Read finer maps, if there are any and cells are large on the screen; colours keep their range. */
  async #refine(shown, zoom) {
    const { page } = this;
    const { slices, coarses } = shown;
    const factor = this.#finer(slices, coarses[0], zoom);
    if (!factor) return;
    const finer = await overviews(slices, page.pixels, factor);
    if (page.shown !== shown || !finer.every(Boolean)) return;
    shown.coarses = finer.map((coarse, n) => ({ ...coarse, before: coarses[n].before ?? coarses[n] }));
    page.painting.paint();
    get("map").dataset.cells = factor;
  }

  /** The largest factor whose cells are small enough on the screen, else the least that is read without a question. */
  #finer(slices, coarse, zoom) {
    const isIn = (factor) => slices.every(({ store }) => store.factors.includes(factor));
    const offered = slices[0].store.factors.filter((factor) => factor < coarse.factor && isIn(factor) && mapBytes(slices, factor) <= FREE_BYTES);
    return coarse.factor * zoom > LARGE_CELL ? (offered.find((factor) => factor * zoom <= LARGE_CELL) ?? offered.at(-1)) : undefined;
  }
}
