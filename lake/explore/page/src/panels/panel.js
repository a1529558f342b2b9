/** The chosen pixels: where they are, their year and their day, their numbers. */

import { charts } from "../drawing/charts.js";
import { isChosen } from "../words/hours.js";
import { cyclesCsv, degrees, download, numbers } from "../words/table.js";

const get = (id) => document.getElementById(id);

export class Panel {
  /** listeners: { clear(), compare(on) }. */
  constructor(listeners) {
    this.pixels = {}; // A and B: { name, pixel, row, column, lat, lon, rows }
    get("clear").addEventListener("click", () => listeners.clear());
    get("compare").addEventListener("click", () => {
      this.comparing = get("compare").getAttribute("aria-pressed") !== "true";
      listeners.compare(this.comparing);
    });
    get("csv").addEventListener("click", () => {
      const name = `${this.key.replaceAll("/", "_")}_${this.all.map((pixel) => pixel.pixel).join("_")}.csv`;
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

  /** Show no pixel. */
  forget() {
    this.pixels = {};
    this.similarity = undefined;
    this.comparing = false;
    this.show("", {});
  }

  /** Show what is known, of `similarity` too: the cosine of A and B; selection: { month, tod, local, clock }. */
  show(key, selection) {
    this.key = key;
    const { all, similarity } = this;
    get("hint").hidden = all.length > 0;
    get("chosen").hidden = all.length === 0;
    get("where").replaceChildren(
      ...all.flatMap((pixel) => [term(pixel.name), description(pixel)]),
      ...(similarity === undefined || Number.isNaN(similarity) ? [] : [term("A·B"), plain(`similarity ${similarity.toFixed(3)} (cosine)`)]),
    );
    const complete = all.filter((pixel) => pixel.rows?.length);
    get("charts").replaceChildren(...charts(complete, selection));
    const now = complete.map(({ name, rows, lon }) =>
      ({ name, rows: rows.filter(isChosen(rows, selection, lon)).filter(({ month }) => month === selection.month) }));
    get("numbers").replaceChildren(numbers(now));
    get("csv").disabled = complete.length === 0;
  }
}

function term(text) {
  const node = document.createElement("dt");
  node.textContent = text;
  return node;
}

function plain(text) {
  const node = document.createElement("dd");
  node.textContent = text;
  return node;
}

function description({ pixel, row, column, lat, lon, rows }) {
  const waiting = rows ? "" : " · reading …";
  return plain(`${degrees(lat, lon)} · pixel ${pixel} (row ${row}, column ${column})${waiting}`);
}
