/** Full resolution: read where that is worth its bytes, a moment after the map came to rest. */

import { withdraw } from "./fetching.js";

const AFTER_MS = 250;
const FROM_ZOOM = 0.5; // screen pixels a pixel of the store

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

  async read() {
    const { page, page: { detail, shown, messages, map: { visible, view } } } = this;
    withdraw("detail");
    if (!detail || page.isReading || !shown || shown.isLearnt) return;
    const { selection: { show }, slices, coarses } = shown;
    const isCoarse = coarses.every(Boolean);
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
}
