/** The page: its parts, held together by one state that is also the address. */

import { Labelling } from "./labels/labelling.js";
import { BELOW_LOG } from "./layers/legend.js";
import { Painting } from "./layers/painting.js";
import { Resolution } from "./layers/resolution.js";
import { Divider } from "./map/divider.js";
import { Map2D } from "./map/map.js";
import { Chosen } from "./panels/chosen.js";
import { Messages } from "./panels/messages.js";
import { Picked } from "./panels/picked.js";
import { LakeError, Objects } from "./reading/objects.js";
import { Uses } from "./saving/uses.js";
import { Address } from "./state/address.js";
import { Choices, LEARNT } from "./state/choices.js";
import { Comparison } from "./state/comparison.js";
import { Opening } from "./state/opening.js";
import { Player } from "./state/player.js";
import { LOOK, SECOND, canBeLog, selected } from "./state/state.js";
import { Times } from "./state/times.js";
import { cosine } from "./vectors/embedding.js";
import { degrees, download, similarCsv } from "./words/table.js";

const get = (id) => document.getElementById(id);

class Page {
  constructor() {
    this.messages = new Messages();
    this.uses = new Uses(this, this.messages);
    this.turn = 0; // of reading a map: a later one ends those before
    this.address = new Address(this);
    this.opening = new Opening(this);
    this.painting = new Painting(this);
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
      step: (name) => this.step(name),
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
      paint: () => this.shown && this.painting.paint(),
      visit: (pixel) => this.map.move({ ...this.map.view, row: this.places.row[pixel] + 0.5, column: this.places.column[pixel] + 0.5 }),
      embedding: () => this.embedding(),
    });
    this.picked = new Picked({
      tried: (work) => this.messages.tried(work),
      paint: () => this.shown && this.painting.paint(),
      say: (text) => this.messages.say(text),
      moment: () => this.moment,
      label: (pixels) => this.labelling.giveAll(pixels),
      embedding: () => this.embedding(),
    });
    get("in").addEventListener("click", () => this.map.zoom(1.6));
    get("out").addEventListener("click", () => this.map.zoom(1 / 1.6));
    get("all").addEventListener("click", () => this.map.fit());
    get("again").addEventListener("click", () => this.messages.tried(() => this.start()));
    get("newest").addEventListener("click", () => this.messages.tried(() => this.opening.renew()));
    document.querySelector(".skip").addEventListener("click", (event) => {
      event.preventDefault(); // the part of the address behind '#' says what is shown
      get("canvas").focus();
    });
    window.addEventListener("hashchange", () => {
      if (!this.address.isOwn) this.messages.tried(() => this.opening.arrive());
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
    await this.opening.arrive();
  }

  /** Open and fill in what the map is compared with; what cannot be compared. */
  async compare(isLink) {
    const { state, store, isLearnt } = this;
    get("comparing").hidden = isLearnt;
    if (!isLink) for (const name of ["versus", ...SECOND]) if (Number.isNaN(state[name])) delete state[name];
    if (isLearnt) return isLink && state.versus ? ["Only statistics are compared by versus"] : [];
    const subjects = ["show", "cube", "band", "month", "tod", "local", "versus", ...SECOND];
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
    this.address.soon();
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
    return selected(this.state);
  }

  /** The month and time of day, or local hour, and by which clock hours are said. */
  get moment() {
    const { month, tod, local, clock: by } = this.state;
    return { month, tod, local, clock: by };
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

  /** The next month, time of day or local hour of the store, after the last the first. */
  following(name) {
    const offered = { month: this.store.months, tod: this.store.cubes[this.state.cube].tods, local: this.choices.hours }[name];
    return offered[(offered.indexOf(this.state[name]) + 1) % offered.length];
  }

  /** Show the next month, or the next time of day or local hour. */
  step(along) {
    const name = along === "tod" && this.state.local !== undefined ? "local" : along;
    return this.changed(name, this.following(name), false);
  }

  async changed(name, value, isStep = true) {
    this.messages.complain("");
    const before = this.state[name];
    this.state[name] = value;
    for (const other of ["low", "high"]) if (!/^((month|tod)2?|local)$/.test(name)) delete this.state[other];
    if (name === "tod") delete this.state.local;
    Comparison.follow(this.state, name, before);
    if (name === "store") {
      for (const other of ["generation", ...LOOK]) if (other !== "clock") delete this.state[other];
      await this.opening.open(undefined, true);
      return;
    }
    if (!this.isOpen) {
      await this.opening.open();
      return;
    }
    this.choices.fill(this.store, this.runs, this.lake.runs, this.state, false);
    const turn = ++this.turn;
    const lacking = await this.compare(false);
    if (turn !== this.turn) return;
    this.messages.complain(lacking.join(". "));
    this.chosen.show();
    await this.painting.refresh(isStep);
    this.resolution.soon();
    await this.picked.averages.follow();
    if (name === "month") await this.chosen.readMonth();
  }

  /** The embedding of the chosen run. */
  embedding() {
    return this.learnt.embeddingOf(this.state.run, (share) => this.painting.sayRead(share));
  }

  /** A loop around pixels on the map. */
  lassoed(polygon) {
    if (this.isOpen && this.places) this.picked.lasso(polygon, this.map.onScreen, this.map.size);
    this.map.draw();
  }

  /** What the address says of a comparison; nothing where there is none. */
  get compared() {
    const { state, isCompared } = this;
    const names = ["versus", ...SECOND];
    const divider = state.versus === "swipe" ? state.divider : undefined;
    return { ...Object.fromEntries(names.map((name) => [name, isCompared ? state[name] : undefined])), divider: isCompared ? divider : undefined };
  }

  /** Look at the map in another way: its colours, its threshold. */
  set(changes) {
    Object.assign(this.state, changes);
    this.limits = undefined;
    this.address.write(true);
    if (this.shown && !("least" in changes)) this.painting.paint();
  }

  /** Make the colours logarithmic, or not any more. */
  async takeLogarithms(is) {
    const { low } = this.state;
    if (is && low <= 0) {
      this.painting.paint(); // the box as it was
      throw new LakeError(`${BELOW_LOG}, these begin at ${low}`, "Change where they begin");
    }
    this.messages.complain("");
    this.set({ scale: is ? "log" : undefined });
  }

  moved(view, isByHand) {
    get("map").dataset.view = JSON.stringify([view.row, view.column, view.zoom]);
    if (isByHand && this.store) this.address.hold(view);
    this.address.soon();
    this.resolution.soon();
  }

  /** Say what is under a place of the map, [row, column]; null: no place. */
  pointed(place) {
    this.place = place;
    const { store, isOpen } = this;
    const at = isOpen && place && store?.grid.lonlat(...place);
    const isUtc = at && this.shown && !this.isLearnt && this.shown.selection.local === undefined;
    const hour = isUtc ? this.times.local(this.shown.selection.tod, at[0]) : "";
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
