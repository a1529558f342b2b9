/** Labels by hand: classes, clicks that label, the classes of all pixels that follow, and what to label next. */

import { parsed, rgba } from "../drawing/colours.js";
import { pixelAt } from "../reading/detail.js";
import { LakeError } from "../reading/objects.js";
import { fit } from "../vectors/logistic.js";
import { download } from "../words/table.js";
import { Labels } from "./labels.js";
import { decoded, polygonLabels } from "./polygons.js";

const LEAST_SURE = 1000; // pixels among which the next one is sought
const MOST_FITTED = 5000; // labels that the regression is fitted to
const MOST_DOTS = 2000; // labels that the map marks one by one
const [CLASSES, PROBABILITY] = ["own-classes", "own-probability"];

const get = (id) => document.getElementById(id);

export class Labelling {
  /**
   * listeners: { tried(work), say(text), paint(): something else is on the map, visit(pixel): shows a pixel,
   * embedding(): the embedding that is chosen, read }.
   */
  constructor(listeners) {
    this.listeners = listeners;
    this.kept = new Map(); // labels of each geometry
    this.turn = 0;
    const act = (id, work) => get(id).addEventListener("click", () => listeners.tried(work));
    act("add-class", () => this.add());
    act("undo-label", () => this.undo());
    act("label", () => this.press("label", !this.isOn));
    act(CLASSES, () => this.look(this.shown === CLASSES ? undefined : CLASSES));
    act(PROBABILITY, () => this.look(this.shown === PROBABILITY ? undefined : PROBABILITY));
    act("next-label", () => this.next());
    act("save-labels", () => this.save());
    get("load-labels").addEventListener("change", ({ target }) => listeners.tried(() => this.load(target)));
    window.addEventListener("beforeunload", (event) => this.isUnsaved && event.preventDefault());
  }

  /** Whether a click gives its pixel the chosen class. */
  get isOn() {
    return get("label").getAttribute("aria-pressed") === "true";
  }

  /** Labels of the pixels of a store: those that were given before to pixels of this geometry. */
  enter(store, places, pixels) {
    Object.assign(this, { store, places, pixels });
    const geometry = `${store.key.split("/").at(-1)} ${store.pixels}`;
    if (!this.kept.has(geometry)) this.kept.set(geometry, new Labels());
    this.labels = this.kept.get(geometry);
    this.draw();
  }

  /** The run by whose vectors pixels are classified; undefined: no embedding is shown. Labels stay. */
  offer(run) {
    get("labelling").hidden = run === undefined;
    if (run === this.run) return;
    this.run = run;
    this.turn++;
    this.result = undefined;
    if (run === undefined) {
      this.press("label", false);
      this.#show(undefined);
    } else if (this.shown) this.listeners.tried(() => this.look(this.shown));
  }

  press(id, is) {
    get(id).setAttribute("aria-pressed", String(is));
  }

  #show(kind) {
    this.shown = kind;
    for (const id of [CLASSES, PROBABILITY]) this.press(id, id === kind);
  }

  /** Dots of the map: { row, column, colour } of every labelled pixel; of many there is an image. */
  get dots() {
    if (!this.run || this.labels.of.size > MOST_DOTS) return [];
    const { row, column } = this.places;
    return [...this.labels.of].map(([pixel, number]) => ({
      row: row[pixel], column: column[pixel], colour: this.labels.classes[number].colour,
    }));
  }

  /** An image of many labelled pixels; undefined: there are dots. */
  get image() {
    if (!this.run || this.labels.of.size <= MOST_DOTS) return undefined;
    const colours = this.labels.classes.map(({ colour }) => rgba(...parsed(colour)));
    return this.pixels.image((pixel) => colours[this.labels.of.get(pixel)] ?? 0);
  }

  /** What lies on the map instead of what was chosen; undefined: nothing. */
  get layer() {
    if (!this.shown || !this.result) return undefined;
    const { classes, probability } = this.result;
    const isSure = this.shown === PROBABILITY;
    return isSure ? this.pixels.shares(probability, classes) : this.pixels.classes(classes, this.labels.classes, "your classes, share of pixels");
  }

  /** Redraw the list of classes. */
  draw() {
    const { classes } = this.labels;
    this.chosen = Math.min(this.chosen ?? 0, Math.max(classes.length - 1, 0));
    const focused = document.activeElement?.id;
    get("own").replaceChildren(...classes.map((each) => this.#row(each)));
    if (focused) get(focused)?.focus();
    const isEmpty = this.labels.isEmpty;
    get("label").disabled = classes.length === 0;
    get("save-labels").disabled = isEmpty;
    get("undo-label").disabled = !this.labels.past.length;
    const named = new Set(this.labels.of.values()).size;
    for (const id of [CLASSES, PROBABILITY, "next-label"]) get(id).disabled = named < 2;
    if (named < 2) this.#show(undefined);
  }

  #row({ number, name, colour }) {
    const item = document.createElement("li");
    const radio = Object.assign(document.createElement("input"), {
      type: "radio", name: "own", id: `own-${number}`, checked: number === this.chosen,
    });
    radio.setAttribute("aria-label", `Clicks give class ${name}`);
    radio.addEventListener("change", () => (this.chosen = number));
    const swatch = document.createElement("i");
    swatch.style.background = colour;
    const input = Object.assign(document.createElement("input"), { id: `own-name-${number}`, value: name });
    input.setAttribute("aria-label", `Name of class ${number + 1}`);
    input.addEventListener("change", () => this.listeners.tried(() => this.rename(number, input)));
    const count = document.createElement("span");
    count.textContent = this.labels.count(number).toLocaleString("en");
    count.title = "labelled pixels";
    item.append(radio, swatch, input, count);
    return item;
  }

  add() {
    const names = new Set(this.labels.classes.map(({ name }) => name));
    let number = names.size + 1;
    while (names.has(`class ${number}`)) number++;
    this.chosen = this.labels.add(`class ${number}`);
    this.draw();
    get(`own-name-${this.chosen}`).select();
  }

  async rename(number, input) {
    const name = input.value.trim();
    const isTaken = this.labels.classes.some((each) => each.name === name && each.number !== number);
    if (!name || isTaken) {
      input.value = this.labels.classes[number].name;
      throw new LakeError(name ? `There is a class ${name} already` : "A class needs a name", "Give another name");
    }
    this.labels.rename(number, name);
    await this.#changed();
  }

  async undo() {
    this.labels.undo();
    await this.#changed();
  }

  /** Give a pixel, and those around it as far as the brush goes, the chosen class. */
  async give(row, column) {
    const reach = Math.floor(Number(get("brush").value) / 2);
    const around = [];
    for (let down = -reach; down <= reach; down++) {
      for (let right = -reach; right <= reach; right++) {
        around.push(pixelAt(this.store.grid, this.places, Math.floor(row) + down, Math.floor(column) + right));
      }
    }
    const pixels = around.filter((pixel) => pixel >= 0);
    if (!pixels.length) return this.listeners.say("No pixel of the store lies there");
    await this.giveAll(pixels);
  }

  /** Give pixels the chosen class. */
  async giveAll(pixels) {
    if (!this.labels.classes.length) this.add();
    get("labelling").open = true;
    this.labels.give(pixels, this.chosen);
    await this.#changed();
    const { name } = this.labels.classes[this.chosen];
    this.listeners.say(`${name}: ${this.labels.count(this.chosen).toLocaleString("en")} labelled pixels`);
  }

  /** Redraw, and classify anew if the classes are on the map. */
  async #changed() {
    this.isUnsaved = !this.labels.isEmpty;
    this.result = undefined;
    this.draw();
    this.listeners.paint();
    if (this.shown) await this.look(this.shown);
  }

  /** Show the classes of all pixels, or how sure they are; undefined: what was chosen before. */
  async look(kind) {
    this.#show(kind);
    if (kind) await this.classify();
    this.listeners.paint();
  }

  /** The classes of all pixels by the labels, unless they are known. */
  async classify() {
    if (this.result) return;
    const turn = ++this.turn;
    const begin = performance.now();
    const embedding = await this.listeners.embedding();
    const labelled = this.labels.drawn(MOST_FITTED);
    const vectors = await embedding.rows(labelled.map(([pixel]) => pixel));
    const present = labelled.map(([, number], i) => ({ number, vector: vectors[i] })).filter(({ vector }) => !Number.isNaN(vector[0]));
    const numbers = [...new Set(present.map(({ number }) => number))].sort((a, b) => a - b);
    if (numbers.length < 2) throw new LakeError("Fewer than two classes have labelled pixels with a vector", "Label more pixels");
    const model = fit(present.map(({ vector }) => vector), present.map(({ number }) => numbers.indexOf(number)), numbers.length);
    const { classes, probability } = await embedding.classify(model);
    if (turn !== this.turn) return;
    this.result = { classes: classes.map((position) => (position < 0 ? -1 : numbers[position])), probability };
    requestAnimationFrame(() => performance.measure("classify", { start: begin }));
  }

  /** Show the pixel that should be labelled next: among the least sure ones, the farthest from all labels. */
  async next() {
    await this.classify();
    const { classes, probability } = this.result;
    const { row, column } = this.places;
    const labelled = this.labels.drawn(MOST_DOTS).map(([pixel]) => pixel);
    const distance = (pixel) => Math.min(...labelled.map((other) => Math.hypot(row[pixel] - row[other], column[pixel] - column[other])));
    const unsure = leastSure(probability, (pixel) => classes[pixel] >= 0 && !this.labels.of.has(pixel));
    if (!unsure.length) return this.listeners.say("Every pixel with a vector is labelled");
    let best = unsure[0];
    for (let farthest = -1, n = 0; n < unsure.length; n++) {
      const far = distance(unsure[n]);
      if (far > farthest) [best, farthest] = [unsure[n], far];
    }
    this.press("label", true);
    this.listeners.visit(best);
    const share = Math.round((100 * probability[best]) / 255);
    this.listeners.say(`Pixel ${best}, in the middle: ${this.labels.classes[classes[best]].name} by ${share} %. Which class is it?`);
  }

  save() {
    const { row, column } = this.places;
    const text = this.labels.csv((pixel) => this.store.grid.lonlat(row[pixel] + 0.5, column[pixel] + 0.5));
    download(`labels_of_${this.store.key.replaceAll("/", "_")}.csv`, text);
    this.isUnsaved = false;
  }

  async load(input) {
    const [file] = input.files;
    input.value = "";
    if (!file) return;
    const said = /\.(geo)?json$/i.test(file.name) ? await this.#polygons(file) : await this.#points(file);
    await this.#changed();
    this.isUnsaved = false;
    this.listeners.say(said);
  }

  /** Take the labels of a file as 'Save labels' writes it; what is to be said of them. */
  async #points(file) {
    const { grid } = this.store;
    const pixelOf = (lon, lat) => {
      const place = grid.place(lon, lat);
      return place ? pixelAt(grid, this.places, ...place) : -1;
    };
    const { read, outside } = this.labels.read(await file.text(), pixelOf);
    const rest = outside ? `, ${outside.toLocaleString("en")} lie in no pixel or have no label` : "";
    return `${read.toLocaleString("en")} labels of ${file.name}${rest}`;
  }

  /** Take the labels of polygons; what is to be said of them. */
  async #polygons(file) {
    const { grid } = this.store;
    const { row, column } = this.places;
    const text = decoded(new Uint8Array(await file.arrayBuffer()));
    const lonlat = (pixel) => grid.lonlat(row[pixel] + 0.5, column[pixel] + 0.5);
    const attribute = get("attribute").value.trim();
    const { pairs, names, outside, contested } = polygonLabels(text, { file: file.name, attribute, lonlat, count: row.length });
    this.labels.take(pairs, names);
    const count = (number) => number.toLocaleString("en");
    const several = contested ? `; ${count(contested)} pixels lie in polygons of different labels: that which comes first is taken` : "";
    return `${count(pairs.length)} labels of ${file.name}, ${count(outside)} of ${count(row.length)} pixels lie in no polygon${several}`;
  }
}

/** Up to `LEAST_SURE` pixels of the lowest probabilities; isWanted(pixel). */
function leastSure(probability, isWanted) {
  const counts = new Uint32Array(256);
  probability.forEach((level, pixel) => isWanted(pixel) && counts[level]++);
  let [most, total] = [0, counts[0]];
  while (most < 255 && total < LEAST_SURE) total += counts[++most];
  const pixels = [];
  for (let level = 0; level <= most && pixels.length < LEAST_SURE; level++) {
    for (let pixel = 0; pixel < probability.length && pixels.length < LEAST_SURE; pixel++) {
      if (counts[level] && probability[pixel] === level && isWanted(pixel)) pixels.push(pixel);
    }
  }
  return pixels;
}
