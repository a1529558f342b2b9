/** By which clock the page says hours: UTC, or local mean solar time of the place, or of the middle of the map. */

import { clock } from "../drawing/charts.js";
import { CLOCKS, solar } from "../words/hours.js";

const get = (id) => document.getElementById(id);

export class Times {
  /** page: that has the map, the store and the state. */
  constructor(page) {
    this.page = page;
    get("clock").addEventListener("change", ({ target }) => {
      page.set({ clock: target.value === "utc" ? undefined : target.value });
      page.chosen.show();
      page.picked.averages.show();
    });
  }

  get isSolar() {
    return this.page.state.clock === "solar";
  }

  /** Local time of a time of day at a longitude, in words; empty where UTC is wanted, or beyond the limb. */
  local(tod, lon) {
    return this.isSolar && lon !== undefined ? `${clock(solar(tod, lon))} ${CLOCKS.solar}` : "";
  }

  /** The same of what is shown, in the middle of the map; empty of one local hour everywhere. */
  inTheMiddle({ tod, local }) {
    return local === undefined ? this.local(tod, this.#middle) : "";
  }

  /** The longitude in the middle of the map; undefined beyond the limb. */
  get #middle() {
    const { store, map } = this.page;
    return store.grid.lonlat(map.view.row, map.view.column)?.[0];
  }

  /** Say the times of day as they are in the middle of the map now, in the list and on the map. */
  refresh() {
    const { shown, state, choices } = this.page;
    const lon = this.#middle;
    get("clock").value = state.clock ?? "utc";
    choices.times((tod) => `${clock(tod)} UTC${this.isSolar && lon !== undefined ? `, ${clock(solar(tod, lon))} local` : ""}`);
    if (shown && !shown.isLearnt && shown.local !== this.inTheMiddle(shown.selection)) this.page.painting.paint();
  }
}
