/** The page: choices, map and pixel, held together by one state that is also the address. */

import { MONTHS, clock } from "./drawing/charts.js";
import { Labelling } from "./labels/labelling.js";
import { Pixels } from "./layers/layers.js";
import { Learnt } from "./layers/learnt.js";
import * as legend from "./layers/legend.js";
import { overviews, sliceLayer } from "./layers/slices.js";
import { Divider } from "./map/divider.js";
import { extentOf, viewOf } from "./map/extent.js";
import { lines } from "./map/lines.js";
import { Map2D } from "./map/map.js";
import { Chosen, VECTORS } from "./panels/chosen.js";
import { Messages } from "./panels/messages.js";
import { Picked } from "./panels/picked.js";
import { Detail } from "./reading/detail.js";
import { withdraw } from "./reading/fetching.js";
import { LakeError, Objects } from "./reading/objects.js";
import { Resolution } from "./reading/resolution.js";
import { turned } from "./reading/series.js";
import { Store, newest } from "./reading/store.js";
import { Uses } from "./saving/uses.js";
import { Choices, LEARNT } from "./state/choices.js";
import { Comparison } from "./state/comparison.js";
import { Player } from "./state/player.js";
import { COLOURS, EXTENT, LOOK, SECOND, canBeLog, format, parse } from "./state/state.js";
import { Times } from "./state/times.js";
import { cosine } from "./vectors/embedding.js";
import { daysOf, runName, sourceName } from "./words/names.js";
import { degrees, download, similarCsv } from "./words/table.js";

const WRITE_AFTER_MS = 150;

const get = (id) => document.getElementById(id);

class Page {
  constructor() {
    this.messages = new Messages();
    this.uses = new Uses(this, this.messages);
    this.turn = this.opening = 0; // of reading a map, of opening a store: a later one ends those before
    this.chosen = new Chosen(this);
    this.times = new Times(this);
    this.resolution = new Resolution(this);
    this.choices = new Choices((name, value) => {
      this.player.stop();
      this.messages.tried(() => this.changed(name, value));
    });
    this.comparison = new Comparison((name, value) => {
      this.player.stop();
      this.messages.tried(() => this.changed(name, value));
    });
    this.divider = new Divider((share) => this.divide(share));
    this.player = new Player({
      tried: (work) => this.messages.tried(work),
      begin: () => this.limits && this.set({ low: this.limits[0], high: this.limits[1] }),
      step: (name) => this.changed(name, this.following(name), false),
    });
    this.map = new Map2D(get("canvas"), {
      moved: (view, isByHand) => this.moved(view, isByHand),
      pointed: (row, column) => this.pointed([row, column]),
      left: () => this.pointed(null),
      picked: (row, column, second) => this.messages.tried(() => this.chosen.choose(row, column, second)),
      lassoed: (polygon) => this.lassoed(polygon),
      touched: () => this.messages.say("Two fingers move the map"),
    });
    this.labelling = new Labelling({
      tried: (work) => this.messages.tried(work),
      say: (text) => this.messages.say(text),
      paint: () => this.shown && this.painted(),
      visit: (pixel) => this.map.move({ ...this.map.view, row: this.places.row[pixel] + 0.5, column: this.places.column[pixel] + 0.5 }),
      embedding: () => this.embedding(),
    });
    this.picked = new Picked({
      tried: (work) => this.messages.tried(work),
      paint: () => this.shown && this.painted(),
      say: (text) => this.messages.say(text),
      moment: () => this.moment,
      label: (pixels) => this.labelling.giveAll(pixels),
      embedding: () => this.embedding(),
    });
    get("in").addEventListener("click", () => this.map.zoom(1.6));
    get("out").addEventListener("click", () => this.map.zoom(1 / 1.6));
    get("all").addEventListener("click", () => this.map.fit());
    get("again").addEventListener("click", () => this.messages.tried(() => this.start()));
    get("newest").addEventListener("click", () => this.messages.tried(() => this.renew()));
    document.querySelector(".skip").addEventListener("click", (event) => {
      event.preventDefault(); // the part of the address behind '#' says what is shown
      get("canvas").focus();
    });
    window.addEventListener("hashchange", () => {
      if (location.hash !== this.written) this.messages.tried(() => this.arrive());
    });
  }

  async start() {
    this.messages.complain("");
    this.messages.say("Opening the lake …");
    this.lake = await new Objects(".").json("stores.json", "Serve the page by 'lake explore', or export it anew");
    this.objects = new Objects(this.lake.lake);
    if (!this.lake.stores.length) {
      throw new LakeError("The lake holds no published store", "Fill it: 'lake ingest run'");
    }
    await this.arrive();
  }

  /** Show what the address says. */
  async arrive() {
    if (!this.lake?.stores.length) return;
    const { state, wrong } = parse(location.hash);
    this.state = state;
    this.written = location.hash;
    await this.open(wrong);
  }

  /** Open the chosen store and show it. `wrong`: what is wrong with a link; undefined: a hand chose. */
  async open(wrong) {
    const turn = ++this.opening;
    const isNow = () => turn === this.opening;
    this.close();
    this.messages.complain("");
    try {
      const store = await this.found(wrong ?? []);
      if (!isNow()) return;
      this.install(store);
      await this.enter(store, wrong, isNow);
    } catch (error) {
      if (isNow()) throw error;
    }
  }

  /** Take away all that belongs to what was shown. */
  close() {
    delete document.body.dataset.ready;
    withdraw();
    delete get("map").dataset.sharp;
    this.turn++;
    clearTimeout(this.writing);
    this.resolution.stop();
    this.isOpen = false;
    this.detail?.clear();
    this.map.lines = null;
    this.chosen.forget();
    this.labelling.offer(undefined);
    this.picked.offer(undefined);
    this.player.offer(0, 0);
    get("note").hidden = get("invented").hidden = true;
    this.blank();
  }

  /** The store that the state names, opened, unless it is open. */
  async found(wrong) {
    const { state } = this;
    const keys = this.lake.stores.map((store) => store.key);
    state.store ??= keys[0];
    this.choices.stores(keys, state.store);
    const entry = this.lake.stores.find((candidate) => candidate.key === state.store);
    if (!entry || Number.isNaN(state.generation)) {
      this.choices.clear();
      const lacking = entry || Number.isNaN(state.store) ? [] : [`The lake has no store ${state.store}`];
      throw new LakeError([...wrong, ...lacking].join(". "), "Choose one that it has");
    }
    this.messages.date(this.lake.made, entry.left_out);
    this.newest = () => (this.lake.is_live ? Promise.resolve(entry.generation) : newest(this.objects, entry.key));
    const path = state.generation ? `${entry.key}/v/${state.generation}.zarr` : await this.newest();
    if (this.store?.path === path) return this.store;
    try {
      return await Store.open(this.objects, path);
    } catch (error) {
      if (!error.isMissing || !state.generation) throw error;
      this.choices.clear();
      this.messages.note(`The link shows generation ${state.generation}, which the lake does not keep any more`);
      throw new LakeError(`Generation ${state.generation} of ${entry.key} is not in the lake any more`, "Show the newest one");
    }
  }

  /** Make a store that of the page. */
  install(store) {
    if (store === this.store) return;
    this.learnt?.close();
    this.picked.forget();
    this.store = store;
    this.places = this.detail = this.pixels = this.ground = this.learnt = null;
    this.runs = this.lake.runs.filter((run) => run.store === store.key && run.pixels === store.pixels);
    store.turned = turned(this.objects, store, this.runs);
  }

  /** Show the open store as the state says. */
  async enter(store, wrong, isNow) {
    const { state } = this;
    if (!store.months.length) throw new LakeError(`${store.key} holds no month`, "Publish one: 'lake ingest run'");
    const isLink = wrong !== undefined;
    const lacking = this.choices.fill(store, this.runs, this.lake.runs, state, isLink);
    if (!lacking.length) lacking.push(...(await this.compare(isLink)));
    if (!isNow()) return;
    const isWrong = (isLink && lacking.length) || Object.entries(state).some(([name, value]) => Number.isNaN(value) && !LOOK.includes(name));
    this.wrong = [...(wrong ?? []), ...lacking];
    this.isOpen = !isWrong;
    this.look();
    this.messages.complain(this.wrong.join(". "));
    state.generation = store.name;
    const first = isWrong ? this.messages.say("Choose what is to be shown") : this.refresh();
    lines(store.grid).then((paths) => {
      if (!isNow()) return;
      this.map.lines = paths;
      this.map.draw();
    });
    await first?.catch((error) => isNow() && this.messages.report(error)); // clicks and full resolution may work yet
    if (isNow()) await this.prepare(store, isNow);
    if (isNow() && (await this.newest()) !== store.path) this.messages.note("A newer generation of this store is published");
  }

  /** Open and fill in what the map is compared with; what cannot be compared. */
  async compare(isLink) {
    const { state, store, isLearnt } = this;
    get("comparing").hidden = isLearnt;
    if (!isLink) for (const name of ["versus", ...SECOND]) if (Number.isNaN(state[name])) delete state[name];
    if (isLearnt) return isLink && state.versus ? ["Only statistics are compared by versus"] : [];
    const subjects = ["show", "cube", "band", "month", "tod", "versus", ...SECOND];
    if (subjects.some((name) => Number.isNaN(state[name]))) return [];
    const lake = { objects: this.objects, entries: this.lake.stores, isLive: this.lake.is_live };
    return this.comparison.fill(lake, store, state, isLink);
  }

  /** Give the first slice another share of the width. */
  divide(share) {
    this.state.divider = share;
    if (this.map.beyond) this.map.beyond.share = share;
    this.divider.show(share, this.shown?.names);
    this.map.draw();
    this.writeSoon();
  }

  /** Look at what the state says, else at everything. */
  look() {
    const { state, store } = this;
    const { grid } = store;
    this.map.bounds = [0, 0, grid.rows, grid.columns];
    const view = state.width && viewOf(grid, state, this.map.size);
    if (view === null) this.wrong.push(`The satellite does not see lat=${state.lat}, lon=${state.lon}`);
    if (view) this.map.move(view, false);
    else this.map.fit(false);
    if (!view) this.hold(this.map.view);
  }

  /** What needs the places of all pixels: full resolution, clicks, embeddings. */
  async prepare(store, isNow) {
    const places = await store.places();
    if (!isNow()) return;
    const isNew = this.places !== places;
    if (isNew) {
      this.places = places;
      this.pixels = new Pixels(store, places);
      this.detail = new Detail(store, places, () => this.shown && this.painted());
      this.ground = this.pixels.ground();
      this.learnt = new Learnt(this.objects, this.pixels, this.runs, this.lake.runs);
      this.labelling.enter(store, places, this.pixels);
      this.picked.enter(this.objects, store, places, this.pixels, this.runs);
      this.chosen.enter(this.objects, this.runs);
    }
    if (this.isOpen) this.chosen.markAll();
    if (!this.isOpen) this.blank();
    else if (isNew && (this.isLearnt || this.state.show === "count")) await this.refresh();
    else if (this.shown) this.painted();
    if (!isNow()) return;
    this.resolution.soon();
    await Promise.all([this.chosen.readAll(), this.picked.averages.follow()]);
    if (isNow()) document.body.dataset.ready = store.key;
  }

  /** Show the newest generation of the store. */
  async renew() {
    for (const name of ["generation", "generation2"]) delete this.state[name];
    const response = await new Objects(".").json("stores.json");
    this.lake = response;
    await this.open();
  }

  /** Whether a store that is on the map holds invented land. */
  get isInvented() {
    return (this.shown?.slices ?? [this]).some(({ store }) => store.isInvented);
  }

  get isLearnt() {
    return this.state.show in LEARNT;
  }

  /** Whether the colours of the map go from one number to another that can be set. */
  get hasLimits() {
    return !this.isLearnt || this.state.show === "change";
  }

  get selection() {
    const { show, cube, month, tod, band } = this.state;
    return { show, cube, month, tod, band };
  }

  /** The month and time of day, and by which clock hours are said. */
  get moment() {
    const { month, tod, clock: by } = this.state;
    return { month, tod, clock: by };
  }

  /** What the map shows of stores: one { store, selection }, or two that are compared. */
  get slices() {
    const first = { store: this.store, selection: this.selection };
    return this.isCompared ? [first, this.comparison.slice(this.state)] : [first];
  }

  get isCompared() {
    return Boolean(this.state.versus) && !this.isLearnt;
  }

  /** Where the colours begin and end, if not by the data. */
  get fixed() {
    const { low, high } = this.state;
    return low === undefined ? undefined : [low, high];
  }

  /** "log": the colours of what is shown are logarithmic; undefined: they are not. */
  get scale() {
    return canBeLog(this.state) ? this.state.scale : undefined;
  }

  /** The next month or time of day of the store, after the last the first. */
  following(name) {
    const offered = name === "month" ? this.store.months : this.store.cubes[this.state.cube].tods;
    return offered[(offered.indexOf(this.state[name]) + 1) % offered.length];
  }

  async changed(name, value, isStep = true) {
    this.messages.complain("");
    const before = this.state[name];
    this.state[name] = value;
    for (const other of ["low", "high"]) if (!/^(month|tod)2?$/.test(name)) delete this.state[other];
    Comparison.follow(this.state, name, before);
    if (name === "store") {
      for (const other of ["generation", ...LOOK]) if (other !== "clock") delete this.state[other];
      await this.open();
      return;
    }
    if (!this.isOpen) {
      await this.open();
      return;
    }
    this.choices.fill(this.store, this.runs, this.lake.runs, this.state, false);
    const turn = ++this.turn;
    const lacking = await this.compare(false);
    if (turn !== this.turn) return;
    this.messages.complain(lacking.join(". "));
    this.chosen.show();
    await this.refresh(isStep);
    this.resolution.soon();
    await this.picked.averages.follow();
    if (name === "month") await this.chosen.readMonth();
  }

  /** Read and paint what is chosen, coarse; `isStep`: the way back leads to what was shown before. */
  async refresh(isStep = false) {
    const turn = ++this.turn;
    const { selection, isLearnt } = this;
    const { run, run2, a } = this.state;
    this.limits = undefined;
    withdraw("map");
    delete get("map").dataset.sharp;
    this.write(isStep);
    this.messages.say("Reading …");
    this.isReading = true;
    get("map").setAttribute("aria-busy", "true");
    try {
      const { slices } = this;
      const read = isLearnt ? { layer: await this.layerOf({ show: selection.show, run, run2 }, a) } : { slices, coarses: await overviews(slices, this.pixels) };
      if (turn !== this.turn) return;
      this.shown = { selection, isLearnt, run, run2, ...read };
      if (isLearnt) this.detail?.clear();
    } catch (error) {
      if (turn !== this.turn) return;
      this.blank(); // else it would look like what was chosen
      throw error;
    } finally {
      if (turn === this.turn) {
        get("map").removeAttribute("aria-busy");
        this.isReading = false;
      }
    }
    this.messages.unsay("Reading");
    this.painted();
    await this.chosen.relate();
  }

  /** Say which share of an embedding is read. */
  sayRead(share) {
    this.messages.say(`Reading the embedding, ${Math.round(100 * share)} %`);
  }

  /** The embedding of the chosen run. */
  embedding() {
    return this.learnt.embeddingOf(this.state.run, (share) => this.sayRead(share));
  }

  /** A loop around pixels on the map. */
  lassoed(polygon) {
    if (this.isOpen && this.places) this.picked.lasso(polygon, this.map.onScreen, this.map.size);
    this.map.draw();
  }

  /** The layer of a run, as soon as it is known where pixels lie. */
  async layerOf(subject, a) {
    if (!this.learnt) return { images: [], legend: { title: "reading where pixels lie" }, value: () => "" };
    const progress = (share) => this.sayRead(share);
    return this.learnt.layer(subject, a, progress);
  }

  /** Show nothing. */
  blank() {
    this.shown = this.value = this.limits = this.map.beyond = null;
    this.divider.show(0.5, undefined);
    this.map.images = this.ground && this.isOpen ? [this.ground] : [];
    this.map.draw();
    get("legend").replaceChildren();
    get("map").removeAttribute("aria-busy");
    delete get("map").dataset.shown;
    this.pointed(this.place);
  }

  /** Put what was read onto the map. */
  painted() {
    const { selection, isLearnt, run, slices } = this.shown;
    const vectors = this.places && VECTORS.includes(selection.show) ? run : undefined;
    this.labelling.offer(vectors);
    this.map.dots = this.labelling.dots;
    const map = this.state.map ?? COLOURS[0];
    const look = { detail: this.detail, pixels: this.pixels, fixed: this.fixed, map, scale: this.scale, versus: this.state.versus };
    const layer = this.labelling.layer ?? this.shown.layer ?? sliceLayer(this.shown, look);
    const shade = (least) => layer.shade?.({ least, isRanked: this.state.ranked === 1, fixed: this.fixed, map });
    shade(this.state.least);
    this.uses.show(selection.show, isLearnt, map, slices?.length > 1 ? this.state.versus : undefined);
    this.player.offer(isLearnt ? 0 : this.store.months.length, isLearnt ? 0 : this.store.cubes[selection.cube].tods.length);
    this.value = layer.value;
    this.limits = this.hasLimits ? layer.legend.limits : undefined;
    const grounded = ({ images, isBare }) => (this.ground && (!images.length || isBare) ? [this.ground, ...images] : [...images]);
    this.map.images = grounded(layer);
    this.map.beyond = layer.beyond ? { images: grounded(layer.beyond), share: (this.state.divider ??= 0.5) } : null;
    this.divider.show(this.state.divider, layer.names);
    this.picked.offer(vectors, layer.colour, layer.groups);
    if (this.labelling.image) this.map.images.push(this.labelling.image);
    if (this.picked.image) for (const images of [this.map.images, this.map.beyond?.images]) images?.push(this.picked.image);
    this.map.draw();
    get("invented").hidden = !this.isInvented;
    this.describe(layer, shade);
    get("map").dataset.shown = format(isLearnt ? { show: selection.show, run, run2: this.shown.run2 } : { ...selection, ...this.compared });
    this.pointed(this.place);
    this.writeSoon();
    if (!performance.getEntriesByName("first-map").length && layer.images.length) performance.mark("first-map");
  }

  /** Say what lies on the map, in the legend; shade(least) paints it anew by another threshold. */
  describe(layer, shade) {
    const { selection, isLearnt, run, slices } = this.shown;
    const slice = `${MONTHS[selection.month - 1]}, ${clock(selection.tod)} UTC`;
    const moment = isLearnt ? [...(layer.about ?? []), this.nameOf(run)] : [...(layer.about ?? [slice])];
    const local = isLearnt ? "" : this.times.inTheMiddle(selection.tod);
    if (local) moment.push(`${local} in the middle of the map`);
    const days = new Set((slices ?? [this]).map(({ store }) => daysOf(store)));
    const about = [...moment, sourceName(this.store.key), ...days];
    Object.assign(this.shown, { legend: layer.legend, about, local, names: layer.names, part: layer.part });
    legend.show(get("legend"), layer.legend, {
      about,
      least: this.state.least,
      isLog: this.scale === "log",
      listeners: {
        keep: (lowest) => this.keep(layer.legend, lowest),
        least: (value) => this.set({ least: value }),
        look: (value) => {
          shade(value);
          this.map.draw();
        },
        rank: (isRanked) => this.set({ ranked: isRanked ? 1 : undefined }),
        limit: (low, high) => this.set({ low, high }),
        log: canBeLog(this.state) ? (is) => this.messages.tried(() => this.takeLogarithms(is)) : undefined,
      },
    });
  }

  /** What the address says of a comparison; nothing where there is none. */
  get compared() {
    const { state, isCompared } = this;
    const names = ["versus", ...SECOND];
    const divider = state.versus === "swipe" ? state.divider : undefined;
    return { ...Object.fromEntries(names.map((name) => [name, isCompared ? state[name] : undefined])), divider: isCompared ? divider : undefined };
  }

  nameOf(id) {
    return runName(this.runs.find((run) => run.id === id), this.runs);
  }

  /** Look at the map in another way: its colours, its threshold. */
  set(changes) {
    Object.assign(this.state, changes);
    this.limits = undefined;
    this.write(true);
    if (this.shown && !("least" in changes)) this.painted();
  }

  /** Make the colours logarithmic, or not any more. */
  async takeLogarithms(is) {
    const { low } = this.state;
    if (is && low <= 0) {
      this.painted(); // the box as it was
      throw new LakeError(`${legend.BELOW_LOG}, these begin at ${low}`, "Change where they begin");
    }
    this.messages.complain("");
    this.set({ scale: is ? "log" : undefined });
  }

  moved(view, isByHand) {
    get("map").dataset.view = JSON.stringify([view.row, view.column, view.zoom]);
    if (isByHand && this.store) this.hold(view);
    this.writeSoon();
    this.resolution.soon();
  }

  /** Note what is looked at, as a link says it. */
  hold(view) {
    for (const name of EXTENT) delete this.state[name];
    Object.assign(this.state, extentOf(this.store.grid, view, this.map.size));
  }

  writeSoon() {
    clearTimeout(this.writing);
    delete document.body.dataset.settled;
    this.writing = setTimeout(() => this.write(), WRITE_AFTER_MS);
  }

  /**
   * Write the address; `isStep`: as a new one, to which Back leads. A link that cannot be shown stays, and so does
   * one that was pasted a moment ago: it will be shown next.
   */
  write(isStep = false) {
    clearTimeout(this.writing);
    if (!this.isOpen || location.hash !== this.written) return;
    this.times.refresh();
    const { state, limits } = this;
    const [low, high] = this.fixed ?? limits ?? [];
    const run = this.isLearnt ? state.run : undefined;
    const [least, ranked] = state.show === "similar" ? [state.least, state.ranked] : [];
    const ends = this.hasLimits ? { low, high } : { low: undefined, high: undefined };
    const address = format({ ...state, ...ends, ...this.compared, run, least, ranked, scale: this.scale });
    if (address !== this.written) history[isStep ? "pushState" : "replaceState"](null, "", address);
    this.written = location.hash;
    document.body.dataset.settled = "";
  }

  /** Say what is under a place of the map, [row, column]; null: no place. */
  pointed(place) {
    this.place = place;
    const { store, isOpen } = this;
    const at = isOpen && place && store?.grid.lonlat(...place);
    const hour = at && this.shown && !this.isLearnt ? this.times.local(this.shown.selection.tod, at[0]) : "";
    const text = at ? [degrees(at[1], at[0]), hour, this.value?.(...place)].filter(Boolean).join(" · ") : "beyond the limb";
    get("readout").textContent = isOpen && place ? text : "";
  }

  keep({ scores, pixelA }, lowest) {
    const text = similarCsv(this.store, this.places, scores.length, (i) => cosine(scores[i]), lowest);
    download(`similar_to_${pixelA}_of_${this.store.key.replaceAll("/", "_")}.csv`, text);
  }
}

import("numcodecs/blosc"); // what every object is packed by: it comes while metadata are read
const page = new Page();
page.messages.tried(() => page.start());
