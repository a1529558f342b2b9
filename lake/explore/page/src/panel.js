/** The chosen pixels: where they are, their year and their day, their numbers. */

import { charts } from "./charts.js";
import { cyclesCsv, degrees, download, numbers } from "./table.js";

const get = (id) => document.getElementById(id);

export class Panel {
  /** told: { clear(), compare(on) }. */
  constructor(told) {
    this.pixels = {}; // A and B: { name, pixel, row, column, lat, lon, rows }
    get("clear").addEventListener("click", () => told.clear());
    get("compare").addEventListener("click", () => {
      this.comparing = get("compare").getAttribute("aria-pressed") !== "true";
      told.compare(this.comparing);
    });
    get("csv").addEventListener("click", () => {
      const name = `${this.key.replaceAll("/", "_")}_${this.all.map((one) => one.pixel).join("_")}.csv`;
      download(name, cyclesCsv(this.key, this.all));
    });
  }

  get all() {
    return Object.values(this.pixels).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  set comparing(on) {
    get("compare").setAttribute("aria-pressed", String(on));
  }

  get comparing() {
    return get("compare").getAttribute("aria-pressed") === "true";
  }

  /** Show what is known; chosen: { month, tod }; alike: cosine of A and B, if known. */
  show(key, chosen, alike) {
    this.key = key;
    const { all } = this;
    get("hint").hidden = all.length > 0;
    get("chosen").hidden = all.length === 0;
    get("where").replaceChildren(
      ...all.flatMap((one) => [term(one.name), description(one)]),
      ...(alike === undefined ? [] : [term("A·B"), plain(`similarity ${alike.toFixed(3)} (cosine)`)]),
    );
    const known = all.filter((one) => one.rows);
    get("charts").replaceChildren(...charts(known, chosen));
    get("numbers").replaceChildren(numbers(known, chosen));
    get("csv").disabled = known.length === 0;
  }
}

function term(text) {
  const made = document.createElement("dt");
  made.textContent = text;
  return made;
}

function plain(text) {
  const made = document.createElement("dd");
  made.textContent = text;
  return made;
}

function description({ pixel, row, column, lat, lon, rows }) {
  const waiting = rows ? "" : " · reading …";
  return plain(`${degrees(lat, lon)} · pixel ${pixel} (row ${row}, column ${column})${waiting}`);
}
