/** The part of the address behind `#`: written as what is shown changes, so that a link and the way back lead there. */

import { extentOf } from "../map/extent.js";
import { EXTENT, format, parse } from "./state.js";

const AFTER_MS = 150;

export class Address {
  /** page: that has the map, the store and the state. */
  constructor(page) {
    this.page = page;
  }

  /** Whether the address was written here; else a link was pasted. */
  get isOwn() {
    return location.hash === this.written;
  }

  /** { state, wrong } of the address, as of parse. */
  read() {
    this.written = location.hash;
    return parse(location.hash);
  }

  stop() {
    clearTimeout(this.writing);
  }

  /** Note what is looked at, as a link says it. */
  hold(view) {
    const { page } = this;
    for (const name of EXTENT) delete page.state[name];
    Object.assign(page.state, extentOf(page.store.grid, view, page.map.size));
  }

  soon() {
    this.stop();
    delete document.body.dataset.settled;
    this.writing = setTimeout(() => this.write(), AFTER_MS);
  }

  /**
   * Write the address; `isStep`: as a new one, to which Back leads. A link that cannot be shown stays, and so does
   * one that was pasted a moment ago: it will be shown next.
   */
  write(isStep = false) {
    const { page } = this;
    this.stop();
    if (!page.isOpen || !this.isOwn) return;
    page.times.refresh();
    const { state, limits } = page;
    const [low, high] = page.fixed ?? limits ?? [];
    const run = page.isLearnt ? state.run : undefined;
    const [least, ranked] = state.show === "similar" ? [state.least, state.ranked] : [];
    const ends = page.hasLimits ? { low, high } : { low: undefined, high: undefined };
    const address = format({ ...state, ...ends, ...page.compared, run, least, ranked, scale: page.scale });
    if (address !== this.written) history[isStep ? "pushState" : "replaceState"](null, "", address);
    this.written = location.hash;
    document.body.dataset.settled = "";
  }
}
