/** The choices of the page: what the store offers, what is chosen, and why something cannot be. */

import { MONTHS, clock, timeName } from "../drawing/charts.js";
import { comparable, hasPair } from "../layers/change.js";
import { localHours } from "../reading/local_hours.js";
import { periodName, runName, storeName } from "../words/names.js";
import { oneOf } from "./state.js";

/** What is shown of runs -> arrays of runs, of which one is needed. */
export const LEARNT = { rgb: ["embedding"], similar: ["embedding"], change: ["embedding"], classes: ["labels", "classes"], components: ["scores"] };
const MAKERS = {
  rgb: "lake embed", similar: "lake embed", change: "lake embed", classes: "lake cluster or lake classify", components: "lake pca, lake mnf or lake gcca",
};
const [SUMMER, NOON] = [7, 64800]; // shown first, where they are

const get = (id) => document.getElementById(id);

export class Choices {
  /** changed(name, value): tells that another one was chosen. */
  constructor(changed) {
    for (const id of ["store", "show", "cube", "band", "month", "tod", "run", "run2"]) {
      const isNumber = id === "month" || id === "tod";
      get(id).addEventListener("change", ({ target }) => {
        const isLocal = "local" in (target.selectedOptions[0]?.dataset ?? {});
        changed(isLocal ? "local" : id, isLocal ? Number(target.selectedOptions[0].dataset.local) : isNumber ? Number(target.value) : target.value);
      });
    }
    this.shows = new Map([...get("show").options].map((option) => [option.value, option.textContent]));
  }

  /** The stores of the lake, and the one that is chosen, which need not be there. */
  stores(keys, chosen) {
    options("store", keys.map((key) => [key, storeName(key)]), chosen);
  }

  /** Nothing can be chosen of a store that is not there. */
  clear() {
    for (const id of ["cube", "band", "month", "tod", "run"]) options(id, []);
  }

  /**
   * Fill in what the store offers; complete the state where it says nothing.
   *
   * isStrict: the state comes from a link: what it names and the store lacks stays, and a sentence on each is
   * returned. Else it becomes the first that is offered.
   */
  fill(store, runs, all, state, isStrict) {
    const wrong = [];
    const choose = (name, offered, words, preferred) => {
      if (state[name] === undefined) state[name] = oneOf(offered, preferred);
      if (offered.includes(state[name])) return true;
      if (!isStrict) state[name] = oneOf(offered, preferred);
      else if (!Number.isNaN(state[name])) wrong.push(`${store.key} has no ${name} ${state[name]}: it has ${words}`);
      return !isStrict;
    };
    const cubes = Object.keys(store.cubes);
    const isCube = choose("cube", cubes, cubes.join(", "));
    const cube = store.cubes[isCube ? state.cube : cubes[0]];
    choose("month", store.months, store.months.map((month) => `${month} (${MONTHS[month - 1]})`).join(", "), SUMMER);
    if (isCube) {
      choose("band", cube.bands, `${cube.bands.join(", ")} in ${state.cube}`);
      choose("tod", cube.tods, `${cube.tods.map((tod) => `${tod} (${clock(tod)} UTC)`).join(", ")} in ${state.cube}`, NOON);
    }
    if (isCube) this.#local(store, state, isStrict, wrong);
    this.#shows(runs, all, state, isStrict, wrong);
    const holders = state.show in LEARNT ? holding(runs, state.show, all) : [];
    if (holders.length) choose("run", holders.map((run) => run.id), holders.map((run) => run.id).join(", "));
    this.#second(holders, all, state, isStrict, wrong);
    options("cube", cubes.map((name) => [name, `${name} (${store.cubes[name].resolution})`]), state.cube);
    options("band", cube.bands.map((name) => [name, name]), state.band);
    options("month", store.months.map((month) => [month, MONTHS[month - 1]]), state.month);
    options("tod", cube.tods.map((tod) => [tod, `${clock(tod)} UTC`]), state.tod);
    if (isCube) this.#offerLocal(store, state);
    options("run", holders.map((run) => [run.id, runName(run, holders)]), state.run);
    for (const [kind, isSeen] of [["statistics", !(state.show in LEARNT)], ["embedding", state.show in LEARNT]]) {
      document.querySelector(`.of.${kind}`).hidden = !isSeen || (kind === "embedding" && !holders.length);
    }
    return wrong;
  }

  /** One local hour of the map, in place of a time of day. */
  #local(store, state, isStrict, wrong) {
    const { cube, local } = state;
    this.hours = localHours(store, cube, local);
    if (local === undefined || this.hours.includes(local)) return;
    if (!isStrict) delete state.local;
    else if (!Number.isNaN(local)) wrong.push(`${cube} of ${store.key} has no time of day near ${timeName({ local })} at any place (local=${local})`);
  }

  #offerLocal(store, { cube, local }) {
    const group = Object.assign(document.createElement("optgroup"), { label: "The same local hour everywhere" });
    for (const hour of this.hours) {
      const option = new Option(`${clock(hour)} local`, `local ${hour}`, false, hour === local);
      option.dataset.local = hour;
      group.append(option);
    }
    if (!this.hours.length) {
      group.append(Object.assign(new Option(`not of ${cube}: it has one time of day`, ""), { disabled: true }));
      group.firstChild.dataset.none = "";
    }
    const list = get("tod");
    list.append(group);
    const isMissing = local !== undefined && !this.hours.includes(local);
    if (isMissing) list.prepend(missing(Number.isNaN(local) ? local : `${clock(local)} local`));
    if (local !== undefined) list.title = timeName({ local });
  }

  /** Say the times of day in other words; words(tod). */
  times(words) {
    for (const option of get("tod").options) {
      if (!["missing", "local", "none"].some((name) => name in option.dataset) && option.text !== words(Number(option.value))) option.text = words(Number(option.value));
    }
  }

  /** The run that another one is compared with. */
  #second(holders, all, state, isStrict, wrong) {
    const run = state.show === "change" && holders.find(({ id }) => id === state.run);
    get("second-run").hidden = state.show !== "change";
    if (!run) {
      if (state.show !== "change") delete state.run2;
      return;
    }
    const others = comparable(run, all);
    const offered = others.filter(([, reason]) => !reason).map(([{ id }]) => id);
    const reason = others.find(([{ id }]) => id === state.run2)?.[1];
    if (state.run2 === undefined || (!isStrict && !offered.includes(state.run2))) state.run2 = oneOf(offered);
    else if (reason) wrong.push(`${state.run2} cannot be compared with ${run.id}: it has ${reason}`);
    else if (!offered.includes(state.run2)) wrong.push(`The lake has no run ${state.run2} that could be compared with ${run.id}`);
    const named = (other) => `${periodName(other.store.split("/")[2])} · ${runName(other, all)}`;
    options("run2", others.map(([other, lacking]) => [other.id, named(other), lacking]), state.run2);
  }

  /** What can be shown; a choice that cannot says why. */
  #shows(runs, all, state, isStrict, wrong) {
    const reasons = new Map();
    for (const [show, name] of this.shows) {
      const reason = show in LEARNT && !holding(runs, show, all).length ? lack(runs, show) : "";
      if (reason) reasons.set(show, reason);
      const option = [...get("show").options].find((candidate) => candidate.value === show);
      option.disabled = reason !== "";
      option.textContent = reason ? `${name}: ${reason}` : name;
      option.title = reason;
    }
    const possible = [...this.shows.keys()].filter((show) => !reasons.has(show));
    state.show ??= possible[0];
    get("show").querySelector("[data-missing]")?.remove();
    if (!possible.includes(state.show)) {
      if (!isStrict) state.show = possible[0];
      else if (reasons.has(state.show)) wrong.push(`${this.shows.get(state.show)} cannot be shown: ${reasons.get(state.show)}`);
      else if (!Number.isNaN(state.show)) wrong.push(`There is no show ${state.show}: wanted one of ${[...this.shows.keys()].join(", ")}`);
    }
    if (!this.shows.has(state.show)) get("show").prepend(missing(state.show));
    get("show").value = state.show;
  }
}

/** Complete runs that have what is to be shown; all: also those of other stores. */
function holding(runs, show, all) {
  if (show === "change") return runs.filter((run) => hasPair(run, all));
  return runs.filter((run) => LEARNT[show].some((name) => run.arrays.includes(name)));
}

/** Why none has. */
function lack(runs, show) {
  if (runs.some((run) => run.left_out?.some((name) => LEARNT[show].includes(name)))) return "not in this copy of the lake";
  if (runs.some((run) => run.too_large?.some((name) => LEARNT[show].includes(name)))) return "too large for a browser";
  if (show === "change" && runs.some((run) => run.arrays.includes("embedding"))) return "no vectors of the same model in another period (lake transform)";
  return `no run of ${MAKERS[show]} on these pixels`;
}

/**
 * Fill a list; what is selected and not offered is shown as such, and cannot be chosen again.
 *
 * pairs: [value, name], and a reason where it cannot be chosen.
 */
export function options(id, pairs, selected) {
  get(id).replaceChildren(...pairs.map(([value, name, reason = ""]) => {
    const option = new Option(reason ? `${name}: ${reason}` : name, value, false, value === selected);
    option.disabled = reason !== "";
    return option;
  }));
  const isOffered = pairs.some(([value]) => value === selected);
  get(id).title = pairs.find(([value]) => value === selected)?.[1] ?? ""; // long names are cut
  if (!isOffered && selected !== undefined && pairs.length) get(id).prepend(missing(selected));
}

function missing(value) {
  const option = new Option(Number.isNaN(value) ? "not understood" : `${value}: not there`, value, true, true);
  option.disabled = true;
  option.dataset.missing = "";
  return option;
}
