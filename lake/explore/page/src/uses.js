/** What one does with a view: copy it as a link, a command, lines of Python; save it; go to a place. */

import { DIVERGING } from "./colours.js";
import { LakeError } from "./objects.js";
import { COLOURS } from "./state.js";
import { degrees, download } from "./table.js";
import { boxOf, command, picture, placeOf, python } from "./use.js";

const GO_ZOOM = 6; // screen pixels a pixel, at a place that was asked for
const [NOTHING, CHOOSE] = ["Nothing is shown yet", "Choose what is to be shown"];

const get = (id) => document.getElementById(id);

export class Uses {
  /** page: that has the view; messages: of messages.js. */
  constructor(page, messages) {
    Object.assign(this, { page, messages });
    get("share").addEventListener("click", () => messages.tried(() => this.share()));
    get("colours").replaceChildren(...COLOURS.map((name) => new Option(name)));
    get("colours").addEventListener("change", ({ target }) => page.set({ map: target.value === COLOURS[0] ? undefined : target.value }));
    get("as-command").addEventListener("click", () => messages.tried(() => this.copy(command(this.view), "command")));
    get("as-python").addEventListener("click", () => messages.tried(() => this.copy(python(this.view), "Python")));
    get("as-png").addEventListener("click", () => messages.tried(() => this.save()));
    get("choices").addEventListener("submit", (event) => {
      event.preventDefault();
      messages.tried(() => this.go(get("go").value));
    });
  }

  /** What can be done with what is shown now, in the colours of a name. */
  show(show, isLearnt, map, versus) {
    get("colours").value = map;
    get("colours").disabled = (isLearnt && show !== "change") || versus === "difference";
    const undrawn = this.#undrawn(show, versus);
    get("as-python").disabled = isLearnt || undrawn !== "";
    get("as-python").title = isLearnt ? "Of statistics only" : undrawn;
    get("as-command").disabled = undrawn !== "";
    get("as-command").title = undrawn;
  }

  /** Why `lake plot` does not draw what is shown; empty: it does. */
  #undrawn(show, versus) {
    if (show === "similar") return "No command draws similarity";
    if (show === "change") return "No command draws the change between two runs";
    if (versus === "swipe") return "No command draws two slices side by side";
    if (versus && this.page.state.show2 !== show) return "No command draws the difference of two statistics";
    return "";
  }

  /** What is on the map, as of use.js. */
  get view() {
    const { page } = this;
    if (!page.shown) throw new LakeError(NOTHING, CHOOSE);
    const { selection, run, isLearnt } = page.shown;
    const root = /^[a-z]+:\/\//.test(page.lake.lake) ? page.lake.lake.replace(/\/$/, "") : undefined;
    const map = page.state.map ?? COLOURS[0];
    const box = boxOf(page.store.grid, page.map.visible, page.map.bounds);
    const limits = page.fixed ?? page.limits;
    const view = { root, path: page.store.path, selection, limits, map, box, run: isLearnt ? run : undefined };
    if (page.shown.slices?.length !== 2) return view;
    const { store, selection: minus } = page.shown.slices[1];
    return { ...view, map: DIVERGING, minus, minusPath: store === page.store ? undefined : store.path };
  }

  async save() {
    const { page } = this;
    if (!page.shown) throw new LakeError(NOTHING, CHOOSE);
    const { legend: of, about } = page.shown;
    const background = getComputedStyle(document.querySelector(".stage")).backgroundColor;
    const invented = page.store.isInvented ? [get("invented").textContent] : [];
    const blob = await picture(get("canvas"), background, of, [...about, ...invented]);
    download(`${page.store.key.replaceAll("/", "_")}_${page.shown.selection.show}.png`, blob, "image/png");
  }

  /** Show a place in words, and choose the pixel there. */
  async go(text) {
    const { page } = this;
    const place = placeOf(text);
    if (!place) throw new LakeError(`'${text}' is no place`, "Give latitude and longitude, as 39.5, -98.5");
    if (!page.isOpen) return;
    const at = page.store.grid.place(place.lon, place.lat);
    if (!at) throw new LakeError(`The satellite does not see ${degrees(place.lat, place.lon)}`);
    this.messages.complain("");
    page.map.move({ row: at[0], column: at[1], zoom: Math.max(GO_ZOOM, page.map.view.zoom) });
    await page.choose(...at, false);
  }

  async share() {
    this.page.write();
    await this.copy(location.href, "link");
  }

  async copy(text, name) {
    try {
      await navigator.clipboard.writeText(text);
      this.messages.say(`The ${name} is in the clipboard`);
    } catch {
      window.prompt(`The ${name} of this view`, text);
    }
  }
}
