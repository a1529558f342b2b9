/** The page: choices, map and pixel, held together by one state that is also the address. */

import { MONTHS, clock } from "./charts.js";
import { Detail, pixelAt } from "./detail.js";
import { Embedding, cosine } from "./embedding.js";
import { Pixels, components, labels, statistics } from "./layers.js";
import * as legend from "./legend.js";
import { lines } from "./lines.js";
import { Map2D } from "./map.js";
import { LakeError, Objects } from "./objects.js";
import { Panel } from "./panel.js";
import { format, oneOf, parse } from "./state.js";
import { Store, newest } from "./store.js";
import { degrees, download, similarCsv } from "./table.js";

const LEARNT = { rgb: ["embedding"], similar: ["embedding"], classes: ["labels", "classes"], components: ["scores"] };
const [SUMMER, NOON] = [7, 64800]; // shown first, where they are
const WRITE_AFTER_MS = 150;
const DETAIL_AFTER_MS = 250;
const DETAIL_FROM_ZOOM = 0.5; // screen pixels a pixel of the store

const get = (id) => document.getElementById(id);

class Page {
  constructor() {
    this.state = parse(location.hash);
    this.turn = 0;
    this.embeddings = new Map();
    this.panel = new Panel({ clear: () => this.clear(), compare: (on) => this.compare(on) });
    this.map = new Map2D(get("canvas"), {
      moved: (view) => this.moved(view),
      pointed: (row, column) => this.pointed(row, column),
      picked: (row, column, second) => this.tried(() => this.choose(row, column, second)),
    });
    for (const id of ["store", "show", "cube", "band", "month", "tod", "run"]) {
      get(id).addEventListener("change", () => this.tried(() => this.changed(id)));
    }
    get("in").addEventListener("click", () => this.map.zoom(1.6));
    get("out").addEventListener("click", () => this.map.zoom(1 / 1.6));
    get("all").addEventListener("click", () => this.map.fit(this.map.bounds));
    get("share").addEventListener("click", () => this.tried(() => this.share()));
    get("again").addEventListener("click", () => this.tried(() => this.start()));
    window.addEventListener("hashchange", () => {
      if (location.hash === this.written) return;
      this.state = parse(location.hash);
      this.tried(() => this.start());
    });
  }

  /** Run something; what goes wrong is shown with what to do next. */
  async tried(work) {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof LakeError)) console.error(error);
      get("problem").hidden = false;
      get("problem").querySelector("p").textContent =
        error instanceof LakeError ? error.message : `Something went wrong: ${error.message}. Load the page again`;
      this.say("");
    }
  }

  say(text) {
    get("status").textContent = text;
  }

  /** Take back what was said of work that is done, unless something else was said since. */
  unsay(start) {
    if (get("status").textContent.startsWith(start)) this.say("");
  }

  async start() {
    get("problem").hidden = true;
    this.say("Opening the lake …");
    const response = await new Objects(".").json("stores.json", "Serve the page by 'lake explore', or export it anew");
    this.lake = response;
    this.objects = new Objects(response.lake);
    if (!response.stores.length) {
      throw new LakeError("The lake holds no published store", "Fill it: 'lake ingest run'");
    }
    const keys = response.stores.map((store) => store.key);
    this.state.store = oneOf(keys, this.state.store);
    options("store", keys.map((key) => [key, key]), this.state.store);
    await this.open();
  }

  /** Open the chosen store and show it. */
  async open() {
    const { state } = this;
    delete document.body.dataset.ready;
    delete get("map").dataset.sharp;
    const entry = this.lake.stores.find((candidate) => candidate.key === state.store);
    const path = this.lake.is_live ? entry.generation : await newest(this.objects, entry.key);
    const store = await Store.open(this.objects, path);
    this.store = store;
    this.places = this.detail = this.pixels = this.coarse = this.ground = null;
    this.panel.pixels = {};
    this.map.images = [];
    this.map.marks = [];
    this.map.lines = null;
    if (!store.months.length) throw new LakeError(`${store.key} holds no month`, "Publish one: 'lake ingest run'");
    this.runs = this.lake.runs.filter((run) => run.store === store.key && run.pixels === store.pixels);
    this.fill();
    const { grid } = store;
    if (state.zoom) {
      this.map.bounds = [0, 0, grid.rows, grid.columns];
      this.map.move({ row: state.row, column: state.column, zoom: state.zoom });
    } else this.map.fit([0, 0, grid.rows, grid.columns]);
    const first = this.refresh();
    lines(grid).then((paths) => {
      if (store !== this.store) return;
      this.map.lines = paths;
      this.map.draw();
    });
    await first;
    await this.prepare(store);
  }

  /** What needs the places of all pixels: full resolution, clicks, embeddings. */
  async prepare(store) {
    const places = await store.places();
    if (store !== this.store) return;
    this.places = places;
    this.pixels = new Pixels(store, places);
    this.detail = new Detail(store, places, () => this.painted());
    this.ground = this.pixels.ground();
    const { a, b } = this.state;
    for (const [name, number] of [["A", a], ["B", b]]) if (number !== undefined) this.mark(name, number);
    if (this.isLearnt || this.state.show === "count") await this.refresh();
    else this.painted();
    this.sharpen();
    await Promise.all(this.panel.all.map((pixel) => this.read(pixel)));
    document.body.dataset.ready = store.key;
  }

  get isLearnt() {
    return this.state.show in LEARNT;
  }

  get selection() {
    const { show, cube, month, tod, band } = this.state;
    return { show, cube, month, tod, band };
  }

  /** Choices that the store offers, as near as may be to the state. */
  fill() {
    const { state, store } = this;
    state.cube = oneOf(Object.keys(store.cubes), state.cube);
    const cube = store.cubes[state.cube];
    state.band = oneOf(cube.bands, state.band);
    state.month = oneOf(store.months, state.month ?? SUMMER);
    state.tod = oneOf(cube.tods, state.tod ?? NOON);
    const shows = [...get("show").options].map((option) => option.value);
    for (const option of get("show").options) {
      option.disabled = option.value in LEARNT && !this.holding(option.value).length;
    }
    get("learnt").hidden = !this.runs.length;
    state.show = oneOf(shows.filter((show) => !(show in LEARNT) || this.holding(show).length), state.show);
    const named = (name) => [name, name];
    options("cube", Object.keys(store.cubes).map((name) => [name, `${name} (${store.cubes[name].resolution})`]), state.cube);
    options("band", cube.bands.map(named), state.band);
    options("month", store.months.map((month) => [month, MONTHS[month - 1]]), state.month);
    options("tod", cube.tods.map((tod) => [tod, `${clock(tod)} UTC`]), state.tod);
    const runs = this.isLearnt ? this.holding(state.show).map((run) => run.id) : [];
    if (this.isLearnt) state.run = oneOf(runs, state.run);
    options("run", runs.map(named), state.run);
    get("show").value = state.show;
    for (const [kind, isSeen] of [["statistics", !this.isLearnt], ["embedding", this.isLearnt]]) {
      document.querySelector(`.of.${kind}`).hidden = !isSeen;
    }
  }

  /** Complete runs that have what is to be shown. */
  holding(show) {
    return this.runs.filter((run) => LEARNT[show].some((name) => run.arrays.includes(name)));
  }

  async changed(id) {
    get("problem").hidden = true;
    const value = get(id).value;
    this.state[id] = id === "month" || id === "tod" ? Number(value) : value;
    if (id === "store") {
      for (const name of ["row", "column", "zoom", "a", "b"]) delete this.state[name];
      this.panel.pixels = {};
      this.panel.show("", this.selection);
      return this.open();
    }
    this.fill();
    this.panel.show(this.store.key, this.selection, this.similarity);
    await this.refresh();
    this.sharpen();
  }

  /** Read and paint what is chosen, coarse. */
  async refresh() {
    const turn = ++this.turn;
    this.write();
    this.say("Reading …");
    get("map").setAttribute("aria-busy", "true");
    try {
      const [layer, coarse] = this.isLearnt ? [await this.learnt(), null] : [null, await this.overview()];
      if (turn !== this.turn) return;
      [this.layer, this.coarse] = [layer, coarse];
      if (layer) this.detail?.clear();
    } catch (error) {
      if (turn === this.turn) this.blank(); // else it would look like what was chosen
      throw error;
    } finally {
      if (turn === this.turn) get("map").removeAttribute("aria-busy");
    }
    this.unsay("Reading");
    this.painted();
  }

  /** The coarse map of what is chosen; counts as means of pixels, as full resolution has them. */
  async overview() {
    const { show, cube, month, tod, band } = this.state;
    if (show === "count" && !this.pixels) return null;
    const coarse = await this.store.overview(cube, show, month, tod, band);
    if (!coarse || show !== "count") return coarse;
    return { ...coarse, values: this.pixels.perPixel(coarse.values, this.store.cubes[cube].refinement ** 2) };
  }

  /** Show nothing. */
  blank() {
    this.layer = this.coarse = null;
    this.value = null;
    this.map.images = this.ground ? [this.ground] : [];
    this.map.draw();
    get("legend").replaceChildren();
    delete get("map").dataset.shown;
  }

  /** Put what is known onto the map. */
  painted() {
    const layer = this.layer ?? statistics(this.store, this.selection, this.coarse, this.current, this.pixels);
    this.value = layer.value;
    const isBare = this.ground && (!layer.images.length || (!this.layer && !this.coarse));
    this.map.images = isBare ? [this.ground, ...layer.images] : layer.images;
    this.map.draw();
    legend.show(get("legend"), layer.legend, (lowest) => this.keep(layer.legend.scores, lowest));
    get("map").dataset.shown = format(this.isLearnt ? { show: this.state.show, run: this.state.run } : this.selection);
    if (!performance.getEntriesByName("first-map").length && layer.images.length) performance.mark("first-map");
  }

  /** Full resolution, if it is of what is chosen. */
  get current() {
    return this.detail?.selection === JSON.stringify(this.selection) ? this.detail : undefined;
  }

  /** Full resolution where that is worth its bytes, a moment after the map came to rest. */
  sharpen() {
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.tried(() => this.readDetail()), DETAIL_AFTER_MS);
  }

  async readDetail() {
    if (!this.detail || this.isLearnt) return;
    const { cube, show } = this.state;
    const { visible, view } = this.map;
    const isFine = view.zoom >= DETAIL_FROM_ZOOM || !this.coarse;
    if (!isFine || !this.detail.isAffordable(cube, visible)) {
      if (!this.coarse) this.say(`Zoom in: ${show} is read at full resolution only`);
      return;
    }
    this.say("Reading full resolution …");
    await this.detail.read(this.selection, visible);
    this.unsay("Reading full");
    get("map").dataset.sharp = JSON.stringify([...this.detail.tiles.keys()]);
  }

  /** The layer of a run. */
  async learnt() {
    const { show, run } = this.state;
    if (!this.pixels) return { images: [], legend: { title: "reading where pixels lie" }, value: () => "" };
    const { path, arrays, classes } = this.runs.find((candidate) => candidate.id === run);
    if (show === "classes") {
      const name = LEARNT.classes.find((array) => arrays.includes(array));
      return this.pixels.classes(await labels(this.objects, path, name), classes);
    }
    if (show === "components") return this.pixels.rgb(await components(this.objects, path), "components");
    const embedding = await this.embedding(run, path);
    if (show === "rgb") return this.pixels.rgb(await embedding.axes());
    const { a } = this.state;
    if (a === undefined) {
      const note = "choose a pixel: land like it will stand out";
      return { images: [], legend: { title: "similarity (cosine)", note }, value: () => "" };
    }
    const scores = await embedding.search(a);
    if (!scores) {
      const note = "it has no embedding: choose another one";
      return { images: [], legend: { title: `pixel ${a}`, note }, value: () => "" };
    }
    return this.pixels.similar(scores);
  }

  async embedding(run, path) {
    if (!this.embeddings.has(run)) {
      for (const embedding of this.embeddings.values()) embedding.close();
      this.embeddings.clear();
      this.embeddings.set(run, new Embedding(this.objects, path));
    }
    const embedding = this.embeddings.get(run);
    await embedding.load((share) => this.say(`Reading the embedding, ${Math.round(100 * share)} %`));
    this.loaded = embedding;
    return embedding;
  }

  moved(view) {
    Object.assign(this.state, { row: view.row, column: view.column, zoom: view.zoom });
    clearTimeout(this.writing);
    delete document.body.dataset.settled;
    this.writing = setTimeout(() => this.write(), WRITE_AFTER_MS);
    this.sharpen();
  }

  write() {
    clearTimeout(this.writing);
    this.written = format(this.state);
    history.replaceState(null, "", this.written);
    document.body.dataset.settled = "";
  }

  pointed(row, column) {
    if (!this.store) return;
    const place = this.store.grid.lonlat(row, column);
    const value = this.value?.(row, column);
    get("readout").textContent = place
      ? [degrees(place[1], place[0]), value].filter(Boolean).join(" · ")
      : "beyond the limb";
  }

  /** A pixel by its place: A, or the one to compare it with. */
  async choose(row, column, second) {
    const begin = performance.now();
    if (!this.places) return this.say("Still reading where pixels lie");
    const pixel = pixelAt(this.store.grid, this.places, row, column);
    if (pixel < 0) return this.say("No pixel of the store lies there");
    const name = (second || this.panel.comparing) && this.panel.pixels.A ? "B" : "A";
    this.panel.comparing = false;
    this.state[name.toLowerCase()] = pixel;
    const mark = this.mark(name, pixel);
    this.write();
    if (name === "A" && this.state.show === "similar") {
      await this.refresh();
      requestAnimationFrame(() => performance.measure("similar", { start: begin })); // it is drawn
    }
    await this.read(mark);
  }

  mark(name, pixel) {
    if (!(pixel >= 0 && pixel < this.store.pixels)) throw new LakeError(`${this.store.key} has no pixel ${pixel}`);
    const [row, column] = [this.places.row[pixel], this.places.column[pixel]];
    const [lon, lat] = this.store.grid.lonlat(row + 0.5, column + 0.5);
    const mark = { name, pixel, row, column, lat, lon };
    this.panel.pixels[name] = mark;
    this.similarity = undefined;
    this.map.marks = this.panel.all.map(({ name, row, column }) => ({ name, row, column }));
    this.map.draw();
    this.panel.show(this.store.key, this.selection);
    return mark;
  }

  /** All that is known of a chosen pixel. */
  async read(pixel) {
    pixel.rows = await this.store.series(pixel.pixel);
    if (this.panel.pixels[pixel.name] !== pixel) return;
    this.similarity = await this.pairSimilarity();
    this.panel.show(this.store.key, this.selection, this.similarity);
    this.say(`Pixel ${pixel.name}: ${degrees(pixel.lat, pixel.lon)}, its year and day are shown`);
  }

  async pairSimilarity() {
    const { A, B } = this.panel.pixels;
    if (!A || !B || !this.loaded?.shares?.length || !this.runs.some((run) => this.embeddings.has(run.id))) return undefined;
    const [a, b] = await Promise.all([A, B].map((pixel) => this.loaded.vector(pixel.pixel)));
    const dot = a.reduce((sum, x, i) => sum + x * b[i], 0);
    return dot / (Math.hypot(...a) * Math.hypot(...b));
  }

  compare(on) {
    if (on) this.say("Choose the pixel to compare with");
  }

  clear() {
    this.panel.pixels = {};
    this.map.marks = [];
    for (const name of ["a", "b"]) delete this.state[name];
    this.panel.comparing = false;
    this.panel.show(this.store.key, this.selection);
    this.write();
    this.map.draw();
    get("canvas").focus();
    if (this.state.show === "similar") this.tried(() => this.refresh());
  }

  keep(scores, lowest) {
    const text = similarCsv(this.store, this.places, scores.length, (i) => cosine(scores[i]), lowest);
    download(`similar_to_${this.state.a}_of_${this.store.key.replaceAll("/", "_")}.csv`, text);
  }

  async share() {
    this.write();
    try {
      await navigator.clipboard.writeText(location.href);
      this.say("The link is in the clipboard");
    } catch {
      window.prompt("The link to this view", location.href);
    }
  }
}

function options(id, pairs, selected) {
  get(id).replaceChildren(
    ...pairs.map(([value, name]) => {
      const option = new Option(name, value);
      option.selected = value === selected;
      return option;
    }),
  );
}

import("numcodecs/blosc"); // what every object is packed by: it comes while metadata are read
const page = new Page();
page.tried(() => page.start());
