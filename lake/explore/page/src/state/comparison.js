/** The second slice that the map is compared with: its choices, its store, and why one cannot be compared. */

import { MONTHS, clock, timeName } from "../drawing/charts.js";
import { BARE, NAMES } from "../layers/layers.js";
import { Store, geometryOf, newest, quantityOf } from "../reading/store.js";
import { periodName, sourceName, storeName } from "../words/names.js";
import { options } from "./choices.js";
import { SECOND, oneOf, selected } from "./state.js";

const OTHER_PIXELS = "other pixels";

const get = (id) => document.getElementById(id);

export class Comparison {
  /** changed(name, value): tells that another one was chosen, of the names of the state. */
  constructor(changed) {
    this.changed = changed;
    get("versus").addEventListener("change", ({ target }) => changed("versus", target.value || undefined));
  }

  /** The second slice, { store, selection }, as the state says; both are of one local hour, if one is. */
  slice({ show2: show, cube2: cube, band2: band, month2: month, tod2: tod, local }) {
    return { store: this.second, selection: selected({ show, cube, month, tod, band, local }) };
  }

  /**
   * Fill in what can be compared; complete the state where it says nothing.
   *
   * lake: { objects, entries, isLive }; isStrict as of Choices.fill, and what is returned: what cannot be compared.
   */
  async fill(lake, store, state, isStrict) {
    get("versus").value = state.versus ?? "";
    this.#list(Boolean(state.versus));
    if (!state.versus) return [];
    const [second, reason] = await this.#opened(lake, store, state);
    const wrong = reason ? [reason] : [];
    if (reason && isStrict) return wrong;
    if (reason) Object.assign(state, { store2: store.key, generation2: undefined });
    this.second = second ?? store;
    state.generation2 = this.second.name;
    this.#stores(lake, store, state.store2);
    return [...wrong, ...this.#slices(store, state, isStrict)];
  }

  /** Show the lists of the second slice, or none. */
  #list(is) {
    const box = get("second");
    if (is === Boolean(box.firstElementChild)) return;
    box.replaceChildren(...(is ? [get("second-slice").content.cloneNode(true)] : []));
    if (!is) return;
    get("comparing").open = true;
    for (const list of box.querySelectorAll("select")) {
      const isNumber = ["month2", "tod2"].includes(list.id);
      list.addEventListener("change", ({ target }) => this.changed(target.id, isNumber ? Number(target.value) : target.value));
    }
  }

  #stores({ entries }, store, key) {
    options("store2", entries.map((entry) => [entry.key, storeName(entry.key), isAlike(entry, store) ? "" : OTHER_PIXELS]), key);
  }

  /** [the store of the second slice, why it cannot be compared]. */
  async #opened({ objects, entries, isLive }, store, state) {
    const { store2: key = store.key, generation2: name } = state;
    state.store2 = key;
    if (key === store.key && (name ?? store.name) === store.name) return [store];
    const entry = entries.find((candidate) => candidate.key === key);
    if (!entry) return [undefined, `The lake has no store ${key} to compare with`];
    if (!isAlike(entry, store)) return [undefined, `${key} cannot be compared with ${store.key}: it has ${OTHER_PIXELS}`];
    const path = name ? `${key}/v/${name}.zarr` : isLive ? entry.generation : await newest(objects, key);
    if (this.second?.path === path) return [this.second];
    try {
      const second = await Store.open(objects, path);
      const reason = `${key} cannot be compared with ${store.key}: it has ${OTHER_PIXELS}`;
      return (await isSame(store, second)) ? [second] : [undefined, reason];
    } catch (error) {
      if (!error.isMissing || !name) throw error;
      return [undefined, `Generation ${name} of ${key} is not in the lake any more`];
    }
  }

  /** The lists of statistic, cube, band, month and time of day; what is wrong with a link. */
  #slices(store, state, isStrict) {
    const { second } = this;
    const wrong = [];
    const choose = (name, candidates, preferred) => {
      const offered = candidates.filter(([, , reason]) => !reason).map(([value]) => value);
      const chosen = state[name];
      if (chosen === undefined || (!isStrict && !offered.includes(chosen))) state[name] = oneOf(offered, preferred);
      else if (!offered.includes(chosen) && !Number.isNaN(chosen)) {
        const reason = candidates.find(([value]) => value === chosen)?.[2];
        wrong.push(reason ? `${name}=${chosen} cannot be compared: ${reason}` : `${second.key} has no ${name} ${chosen}: it has ${offered.join(", ")}`);
      }
      options(name, candidates, state[name]);
    };
    const { unit } = quantityOf(store.cubes[state.cube], state.band);
    const isBare = BARE.has(state.show);
    const lack = (cube, band) => (isBare || quantityOf(cube, band).unit === unit ? "" : `not in ${unit === "1" ? "fractions" : unit}`);
    const reasons = Object.entries(second.cubes).map(([name, cube]) => {
      const isOther = state.versus === "difference" && cube.refinement !== store.cubes[state.cube].refinement;
      const isNone = cube.bands.every((band) => lack(cube, band));
      return [name, name, isOther ? "another resolution" : isNone ? lack(cube, cube.bands[0]) : ""];
    });
    choose("cube2", reasons, state.cube);
    const shows = Object.keys(NAMES).map((show) => {
      const isAlike = isBare ? show === state.show : !BARE.has(show);
      return [show, NAMES[show], isAlike ? "" : `another unit than ${NAMES[state.show]}`];
    });
    choose("show2", shows, state.show);
    const cube = second.cubes[state.cube2];
    if (!cube) return wrong.length ? wrong : [`${second.key} has no cube that can be compared with ${state.cube}`];
    choose("band2", cube.bands.map((band) => [band, band, lack(cube, band)]), state.band);
    choose("month2", second.months.map((month) => [month, MONTHS[month - 1]]), second === store ? opposite(store.months, state.month) : state.month);
    choose("tod2", cube.tods.map((tod) => [tod, `${clock(tod)} UTC`]), state.tod);
    get("tod2").disabled = state.local !== undefined;
    get("tod2").title = state.local === undefined ? "" : "Both slices are of the local solar hour that is chosen";
    return wrong;
  }

  /** Let the second slice follow what the first was changed to by hand, where it was the same. */
  static follow(state, name, before) {
    if (["show", "cube", "band"].includes(name) && state[`${name}2`] === before) state[`${name}2`] = state[name];
    if (name === "store2") for (const other of ["generation2", "month2", "tod2"]) delete state[other];
    if (name === "store" || (name === "versus" && !state.versus)) for (const other of ["versus", ...SECOND]) delete state[other];
  }
}

/** The month that lies half a year away, among those that there are. */
function opposite(months, month) {
  return months[(months.indexOf(month) + Math.floor(months.length / 2)) % months.length];
}

/** Whether the pixels of a store of the lake may be those of an open one. */
function isAlike({ key, pixels }, store) {
  return pixels === store.pixels && geometryOf(key) === geometryOf(store.key);
}

/** Whether two stores have the same pixels in the same order. */
async function isSame(store, other) {
  const isLaid = ["chunk", "phases"].every((name) => store.layout[name] === other.layout[name]);
  const isGrid = JSON.stringify(store.grid) === JSON.stringify(other.grid);
  if (!isLaid || !isGrid || store.factors[0] !== other.factors[0]) return false;
  const [one, two] = await Promise.all([store.places(), other.places()]);
  return one.at.every((pixel, place) => pixel === two.at[place]);
}

/** What tells two slices apart, a text of each: "Jul, 18:00 UTC". */
export function namesOf(slices) {
  const of = (word) => slices.map(({ store, selection }) => word(store, selection));
  const differing = (pair) => pair[0] !== pair[1];
  const shows = of((_, { show }) => NAMES[show]);
  const bands = of((_, { band, cube }) => `${band} of ${cube}`);
  const times = of((_, { month, tod, local }) => `${MONTHS[month - 1]}, ${timeName({ tod, local })}`);
  const sources = [of(({ key }) => periodName(key.split("/")[2])), of(({ key }) => sourceName(key)), of(({ name }) => name)];
  const told = [...[shows, bands].filter(differing), times, ...sources.filter(differing).slice(0, 1)];
  return slices.map((_, n) => told.map((pair) => pair[n]).join(", "));
}
