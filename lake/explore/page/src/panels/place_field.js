/** The field that takes coordinates, or a name and offers the towns that it may mean; a combobox of WAI-ARIA 1.2. */

import { LakeError } from "../reading/objects.js";
import { Towns, placeOf } from "../words/places.js";
import { degrees } from "../words/table.js";

const LEAST_LETTERS = 2;

const get = (id) => document.getElementById(id);

export class PlaceField {
  /** listeners: { tried(work), go(place): shows { name, lat, lon }, sees(place): whether the satellite does }. */
  constructor(listeners) {
    Object.assign(this, { listeners, towns: new Towns(), hits: [], active: -1, turn: 0 });
    this.input = get("go");
    this.input.addEventListener("input", () => listeners.tried(() => this.offer()));
    this.input.addEventListener("blur", () => this.close());
    this.input.addEventListener("keydown", (event) => this.#key(event));
    get("hits").addEventListener("pointerdown", (event) => event.preventDefault()); // the field keeps the focus
    get("hits").addEventListener("click", ({ target }) => {
      const hit = this.hits[[...get("hits").children].indexOf(target.closest("li"))];
      if (hit) listeners.tried(() => this.#go(hit));
    });
    get("choices").addEventListener("submit", (event) => {
      event.preventDefault();
      listeners.tried(() => this.enter());
    });
  }

  /** Offer what the text may mean. */
  async offer() {
    const turn = ++this.turn;
    const { value } = this.input;
    const isName = value.trim().length >= LEAST_LETTERS && !placeOf(value) && /\p{L}/u.test(value);
    const hits = isName ? await this.towns.search(value) : [];
    if (turn === this.turn) this.#show(hits);
  }

  /** Go to the town that is active, or to what the text names. */
  async enter() {
    const text = this.input.value;
    const place = placeOf(text);
    const town = this.hits[this.active] ?? (place ? undefined : (await this.towns.search(text))[0]);
    if (town) return this.#go(town);
    if (!place) throw new LakeError(`'${text}' is no place that this page knows`, "Give latitude and longitude, as 39.5, -98.5");
    this.close();
    return this.listeners.go({ name: degrees(place.lat, place.lon), ...place });
  }

  close() {
    this.turn++;
    this.#show([]);
  }

  async #go(town) {
    this.input.value = town.name;
    this.close();
    await this.listeners.go(town);
  }

  #show(hits) {
    this.hits = hits;
    get("hits").replaceChildren(...hits.map((hit, i) => {
      const item = Object.assign(document.createElement("li"), { id: `hit-${i}`, textContent: hit.name });
      item.setAttribute("role", "option");
      if (!this.listeners.sees(hit)) item.append(Object.assign(document.createElement("small"), { textContent: " not seen by the satellite" }));
      return item;
    }));
    get("places").hidden = hits.length === 0;
    this.input.setAttribute("aria-expanded", String(hits.length > 0));
    this.#activate(-1);
  }

  #activate(index) {
    this.active = index;
    [...get("hits").children].forEach((item, i) => item.setAttribute("aria-selected", String(i === index)));
    if (index < 0) this.input.removeAttribute("aria-activedescendant");
    else this.input.setAttribute("aria-activedescendant", `hit-${index}`);
    get("hits").children[index]?.scrollIntoView({ block: "nearest" });
  }

  #key(event) {
    const { length } = this.hits;
    if (!length) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) this.#activate((this.active + step + length + (this.active < 0 && step < 0 ? 1 : 0)) % length);
    else if (event.key === "Escape") this.close();
    else return;
    event.preventDefault();
  }
}
