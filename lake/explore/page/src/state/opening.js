/** Opens the store that a link or a hand names, and shows it: what of a link cannot be shown is said. */

import { Learnt } from "../layers/learnt.js";
import { Pixels } from "../layers/pixels.js";
import { viewOf } from "../map/extent.js";
import { lines } from "../map/lines.js";
import { Detail } from "../reading/detail.js";
import { withdraw } from "../reading/fetching.js";
import { LakeError, Objects } from "../reading/objects.js";
import { turned } from "../reading/series.js";
import { Store, newest } from "../reading/store.js";
import { LOOK } from "./state.js";

const get = (id) => document.getElementById(id);

export class Opening {
  /** page: that has the lake, the map and the state. */
  constructor(page) {
    this.page = page;
    this.turn = 0; // of opening: a later one ends those before
  }

  /** Show what the address says. */
  async arrive() {
    const { page } = this;
    if (!page.lake?.stores.length) return;
    const { state, wrong } = page.address.read();
    page.state = state;
    await this.open(wrong);
  }

  /**
   * Open the chosen store and show it. `wrong`: what is wrong with a link; undefined: a hand chose; `isStep`: the way
   * back leads to what was shown before.
   */
  async open(wrong, isStep = false) {
    const { page } = this;
    const turn = ++this.turn;
    const isNow = () => turn === this.turn;
    this.close();
    page.messages.complain("");
    try {
      const store = await this.found(wrong ?? []);
      if (!isNow()) return;
      this.install(store);
      await this.enter(store, { wrong, isStep, isNow });
    } catch (error) {
      if (isNow()) throw error;
    }
  }

  /** Take away all that belongs to what was shown. */
  close() {
    const { page } = this;
    delete document.body.dataset.ready;
    withdraw();
    page.resolution.forget();
    page.turn++;
    page.address.stop();
    page.resolution.stop();
    page.isOpen = false;
    page.detail?.clear();
    page.map.lines = null;
    page.chosen.forget();
    page.labelling.offer(undefined);
    page.picked.offer(undefined);
    page.player.offer(0, 0);
    get("note").hidden = get("invented").hidden = true;
    page.painting.blank();
  }

  /** The store that the state names, opened, unless it is open. */
  async found(wrong) {
    const { page } = this;
    const { state } = page;
    const keys = page.lake.stores.map((store) => store.key);
    state.store ??= keys[0];
    page.choices.stores(keys, state.store);
    const entry = page.lake.stores.find((candidate) => candidate.key === state.store);
    if (!entry || Number.isNaN(state.generation)) {
      page.choices.clear();
      const lacking = entry || Number.isNaN(state.store) ? [] : [`The lake has no store ${state.store}`];
      throw new LakeError([...wrong, ...lacking].join(". "), "Choose one that it has");
    }
    page.messages.date(page.lake.made, entry.left_out);
    this.newest = () => (page.lake.is_live ? Promise.resolve(entry.generation) : newest(page.objects, entry.key));
    const path = state.generation ? `${entry.key}/v/${state.generation}.zarr` : await this.newest();
    if (page.store?.path === path) return page.store;
    try {
      return await Store.open(page.objects, path);
    } catch (error) {
      if (!error.isMissing || !state.generation) throw error;
      page.choices.clear();
      page.messages.note(`The link shows generation ${state.generation}, which the lake does not keep any more`);
      throw new LakeError(`Generation ${state.generation} of ${entry.key} is not in the lake any more`, "Show the newest one");
    }
  }

  /** Make a store that of the page. */
  install(store) {
    const { page } = this;
    if (store === page.store) return;
    page.learnt?.close();
    page.picked.forget();
    page.store = store;
    page.places = page.detail = page.pixels = page.ground = page.learnt = null;
    page.runs = page.lake.runs.filter((run) => run.store === store.key && run.pixels === store.pixels);
    store.turned = turned(page.objects, store, page.runs);
  }

  /** Show the open store as the state says. */
  async enter(store, { wrong, isStep, isNow }) {
    const { page } = this;
    const { state } = page;
    if (!store.months.length) throw new LakeError(`${store.key} holds no month`, "Publish one: 'lake ingest run'");
    const isLink = wrong !== undefined;
    const lacking = page.choices.fill(store, page.runs, page.lake.runs, state, isLink);
    if (!lacking.length) lacking.push(...(await page.compare(isLink)));
    if (!isNow()) return;
    const isWrong = (isLink && lacking.length) || Object.entries(state).some(([name, value]) => Number.isNaN(value) && !LOOK.includes(name));
    page.wrong = [...(wrong ?? []), ...lacking];
    page.isOpen = !isWrong;
    this.look();
    page.messages.complain(page.wrong.join(". "));
    state.generation = store.name;
    const first = isWrong ? page.messages.say("Choose what is to be shown") : page.painting.refresh(isStep);
    lines(store.grid).then((paths) => {
      if (!isNow()) return;
      page.map.lines = paths;
      page.map.draw();
    });
    await first?.catch((error) => isNow() && page.messages.report(error)); // clicks and full resolution may work yet
    if (isNow()) await this.prepare(store, isNow);
    if (isNow() && (await this.newest()) !== store.path) page.messages.note("A newer generation of this store is published");
  }

  /** Look at what the state says, else at everything. */
  look() {
    const { page } = this;
    const { state, store } = page;
    const { grid } = store;
    page.map.bounds = [0, 0, grid.rows, grid.columns];
    const view = state.width && viewOf(grid, state, page.map.size);
    if (view === null) page.wrong.push(`The satellite does not see lat=${state.lat}, lon=${state.lon}`);
    if (view) page.map.move(view, false);
    else page.map.fit(false);
    if (!view) page.address.hold(page.map.view);
  }

  /** What needs the places of all pixels: full resolution, clicks, embeddings. */
  async prepare(store, isNow) {
    const { page } = this;
    const places = await store.places();
    if (!isNow()) return;
    const isNew = page.places !== places;
    if (isNew) {
      page.places = places;
      page.pixels = new Pixels(store, places);
      page.detail = new Detail(store, places, () => page.shown && page.painting.paint());
      page.ground = page.pixels.ground();
      page.learnt = new Learnt(page.objects, page.pixels, page.runs, page.lake.runs);
      page.labelling.enter(store, places, page.pixels);
      page.picked.enter(page.objects, store, places, page.pixels, page.runs);
      page.chosen.enter(page.objects, page.runs);
    }
    if (page.isOpen) page.chosen.markAll();
    if (!page.isOpen) page.painting.blank();
    else if (isNew && (page.isLearnt || page.state.show === "count")) await page.painting.refresh();
    else if (page.shown) page.painting.paint();
    if (!isNow()) return;
    page.resolution.soon();
    await Promise.all([page.chosen.readAll(), page.picked.averages.follow()]);
    if (isNow()) document.body.dataset.ready = store.key;
  }

  /** Show the newest generation of the store. */
  async renew() {
    const { page } = this;
    for (const name of ["generation", "generation2"]) delete page.state[name];
    const response = await new Objects(".").json("stores.json");
    page.lake = response;
    await this.open();
  }
}
