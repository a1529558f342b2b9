/** What one does with a view: copy it as a link, a command, lines of Python; save it; go to a place. */

import { DIVERGING } from "../drawing/colours.js";
import { PlaceField } from "../panels/place_field.js";
import { LakeError } from "../reading/objects.js";
import { COLOURS } from "../state/state.js";
import { daysOf } from "../words/names.js";
import { download } from "../words/table.js";
import { geotiff } from "./geotiff.js";
import { png, svg } from "./picture.js";
import { boxOf, command, python } from "./use.js";

const GO_ZOOM = 6; // screen pixels a pixel, at a place that was asked for
const MOST_NUMBERS = 2 ** 26; // of a file
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
    get("as-png").addEventListener("click", () => messages.tried(() => this.saveAs("png")));
    get("as-svg").addEventListener("click", () => messages.tried(() => this.saveAs("svg")));
    get("as-geotiff").addEventListener("click", () => messages.tried(() => this.saveNumbers()));
    this.places = new PlaceField({
      tried: (work) => messages.tried(work),
      go: (place) => this.go(place),
      sees: ({ lon, lat }) => !page.store || page.store.grid.place(lon, lat) !== null,
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
    if (!this.page.isLearnt && this.page.state.local !== undefined) return "No command draws one local hour everywhere";
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
    const isLog = page.scale === "log";
    const view = { root, path: page.store.path, selection, limits, map, isLog, box, run: isLearnt ? run : undefined };
    if (page.shown.slices?.length !== 2) return view;
    const { store, selection: minus } = page.shown.slices[1];
    return { ...view, map: DIVERGING, minus, minusPath: store === page.store ? undefined : store.path };
  }

  /** Save a picture: png or svg. */
  async saveAs(kind) {
    const { page } = this;
    if (!page.shown) throw new LakeError(NOTHING, CHOOSE);
    const background = getComputedStyle(document.querySelector(".stage")).backgroundColor;
    const { legend } = page.shown;
    const lines = [...page.shown.about, ...this.#invented];
    const blob = kind === "png"
      ? await png(get("canvas"), background, legend, lines)
      : await svg(page.map, page.store.grid, background, legend, lines);
    download(`${this.#name}.${kind}`, blob);
  }

  /** Save the numbers of what is visible. */
  async saveNumbers() {
    const { page } = this;
    if (!page.shown?.part) throw new LakeError(NOTHING, CHOOSE);
    const { selection: { show, ...slice }, run, isLearnt, legend, about, part: partOf } = page.shown;
    const { store, map: { bounds, visible } } = page;
    const box = visible.map((at, k) => (k < 2 ? Math.max(Math.floor(at), bounds[k]) : Math.min(Math.ceil(at), bounds[k])));
    if (box[0] >= box[2] || box[1] >= box[3]) throw new LakeError("Nothing of the store is visible", "Move the map");
    const part = partOf(box, visible);
    if (!part) throw new LakeError("The numbers of what is visible are not all read, or two slices differ in resolution", "Zoom in, or wait until they are read");
    const { rows, columns, size, bands } = part;
    if (rows * columns * bands.length > MOST_NUMBERS) throw new LakeError(`The file would hold ${bands.length} × ${rows} × ${columns} numbers`, "Zoom in");
    const facts = {
      key: store.key, generation: store.name, ...(isLearnt ? { run } : { statistic: show, ...slice }),
      days: daysOf(store), shown: about.join("; "), ...(legend.note && { note: legend.note }),
      ...(page.isInvented && { invented: this.#invented[0] }),
    };
    download(`${this.#name}.tif`, await geotiff(store.grid, part, [legend.title, ...about, ...this.#invented].join("; "), facts));
    const of = size > 1 ? `cells of ${size} × ${size} pixels` : size < 1 ? `parts of pixels, ${1 / size} × ${1 / size} each` : "pixels";
    this.messages.say(`The GeoTIFF holds ${rows} × ${columns} ${of}`);
  }

  /** What is said on the map of land that is invented. */
  get #invented() {
    return this.page.isInvented ? [get("invented").textContent] : [];
  }

  /** Of a file of the view, without its ending. */
  get #name() {
    return `${this.page.store.key.replaceAll("/", "_")}_${this.page.shown.selection.show}`;
  }

  /** Show a place, { name, lat, lon }, and choose the pixel there. */
  async go({ name, lat, lon }) {
    const { page } = this;
    if (!page.isOpen) return;
    const { rows, columns } = page.store.grid;
    const at = page.store.grid.place(lon, lat);
    if (!at) throw new LakeError(`The satellite does not see ${name}`);
    const isInside = at[0] >= 0 && at[1] >= 0 && at[0] < rows && at[1] < columns;
    if (!isInside) throw new LakeError(`${name} lies outside the images of this store`);
    this.messages.complain("");
    page.map.move({ row: at[0], column: at[1], zoom: Math.max(GO_ZOOM, page.map.view.zoom) });
    await page.chosen.choose(...at, false);
  }

  async share() {
    this.page.address.write();
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
