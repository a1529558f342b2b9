/** Reads what is chosen and paints it onto the map, with its legend. */

import { MONTHS, timeName } from "../drawing/charts.js";
import { VECTORS } from "../panels/chosen.js";
import { withdraw } from "../reading/fetching.js";
import { COLOURS, canBeLog, format } from "../state/state.js";
import { daysOf, runName, sourceName } from "../words/names.js";
import { nearWords } from "./layers.js";
import * as legend from "./legend.js";
import { overviews, sliceLayer } from "./slices.js";

const get = (id) => document.getElementById(id);

export class Painting {
  /** page: that has the map, the store and the state. */
  constructor(page) {
    this.page = page;
  }

  /** Read and paint what is chosen, coarse; `isStep`: the way back leads to what was shown before. */
  async refresh(isStep = false) {
    const { page } = this;
    const turn = ++page.turn;
    const { selection, isLearnt } = page;
    const { run, run2, a } = page.state;
    page.limits = undefined;
    withdraw("map");
    page.resolution.forget();
    page.address.write(isStep);
    page.messages.say("Reading …");
    page.isReading = true;
    get("map").setAttribute("aria-busy", "true");
    try {
      const { slices } = page;
      const read = isLearnt ? { layer: await this.layerOf({ show: selection.show, run, run2 }, a) } : { slices, coarses: await overviews(slices, page.pixels) };
      if (turn !== page.turn) return;
      page.shown = { selection, isLearnt, run, run2, ...read };
      if (isLearnt) page.detail?.clear();
    } catch (error) {
      if (turn !== page.turn) return;
      this.blank(); // else it would look like what was chosen
      throw error;
    } finally {
      if (turn === page.turn) {
        get("map").removeAttribute("aria-busy");
        page.isReading = false;
      }
    }
    page.messages.unsay("Reading");
    this.paint();
    await page.chosen.relate();
  }

  /** Say which share of an embedding is read. */
  sayRead(share) {
    this.page.messages.say(`Reading the embedding, ${Math.round(100 * share)} %`);
  }

  /** The layer of a run, as soon as it is known where pixels lie. */
  async layerOf(subject, a) {
    const { page } = this;
    if (!page.learnt) return { images: [], legend: { title: "reading where pixels lie" }, value: () => "" };
    const progress = (share) => this.sayRead(share);
    return page.learnt.layer(subject, a, progress);
  }

  /** Show nothing. */
  blank() {
    const { page } = this;
    page.shown = page.value = page.limits = page.map.beyond = null;
    page.divider.show(0.5, undefined);
    page.map.images = page.ground && page.isOpen ? [page.ground] : [];
    page.map.draw();
    get("legend").replaceChildren();
    get("map").removeAttribute("aria-busy");
    delete get("map").dataset.shown;
    page.pointed(page.place);
  }

  /** Put what was read onto the map. */
  paint() {
    const { page } = this;
    const { selection, isLearnt, run, slices } = page.shown;
    const vectors = page.places && VECTORS.includes(selection.show) ? run : undefined;
    page.labelling.offer(vectors);
    page.map.dots = page.labelling.dots;
    const map = page.state.map ?? COLOURS[0];
    const look = { detail: page.detail, pixels: page.pixels, fixed: page.fixed, map, scale: page.scale, versus: page.state.versus };
    const layer = page.labelling.layer ?? page.shown.layer ?? sliceLayer(page.shown, look);
    const shade = (least) => layer.shade?.({ least, isRanked: page.state.ranked === 1, fixed: page.fixed, map });
    shade(page.state.least);
    page.uses.show(selection.show, isLearnt, map, slices?.length > 1 ? page.state.versus : undefined);
    page.player.offer(isLearnt ? 0 : page.store.months.length, isLearnt ? 0 : selection.local === undefined ? page.store.cubes[selection.cube].tods.length : page.choices.hours.length);
    page.value = layer.value;
    page.limits = page.hasLimits ? layer.legend.limits : undefined;
    const grounded = ({ images, isBare }) => (page.ground && (!images.length || isBare) ? [page.ground, ...images] : [...images]);
    page.map.images = grounded(layer);
    page.map.beyond = layer.beyond ? { images: grounded(layer.beyond), share: (page.state.divider ??= 0.5) } : null;
    page.divider.show(page.state.divider, layer.names);
    page.picked.offer(vectors, layer.colour, layer.groups);
    if (page.labelling.image) page.map.images.push(page.labelling.image);
    if (page.picked.image) for (const images of [page.map.images, page.map.beyond?.images]) images?.push(page.picked.image);
    page.map.draw();
    get("invented").hidden = !page.isInvented;
    this.describe(layer, shade);
    get("map").dataset.shown = format(isLearnt ? { show: selection.show, run, run2: page.shown.run2 } : { ...selection, ...page.compared });
    page.pointed(page.place);
    page.address.soon();
    if (!performance.getEntriesByName("first-map").length && layer.images.length) performance.mark("first-map");
  }

  /** Say what lies on the map, in the legend; shade(least) paints it anew by another threshold. */
  describe(layer, shade) {
    const { page } = this;
    const { selection, isLearnt, run, slices } = page.shown;
    const slice = `${MONTHS[selection.month - 1]}, ${timeName(selection)}`;
    const moment = isLearnt ? [...(layer.about ?? []), this.nameOf(run)] : [...(layer.about ?? [slice])];
    const local = isLearnt ? "" : page.times.inTheMiddle(selection);
    if (local) moment.push(`${local} in the middle of the map`);
    if (!isLearnt) moment.push(...new Set(slices.map((each) => nearWords(each)).filter(Boolean)));
    const days = new Set((slices ?? [page]).map(({ store }) => daysOf(store)));
    const about = [...moment, sourceName(page.store.key), ...days];
    Object.assign(page.shown, { legend: layer.legend, about, local, names: layer.names, part: layer.part });
    legend.show(get("legend"), layer.legend, {
      about,
      least: page.state.least,
      isLog: page.scale === "log",
      listeners: {
        keep: (lowest) => page.keep(layer.legend, lowest),
        least: (value) => page.set({ least: value }),
        look: (value) => {
          shade(value);
          page.map.draw();
        },
        rank: (isRanked) => page.set({ ranked: isRanked ? 1 : undefined }),
        limit: (low, high) => page.set({ low, high }),
        log: canBeLog(page.state) ? (is) => page.messages.tried(() => page.takeLogarithms(is)) : undefined,
      },
    });
  }

  nameOf(id) {
    const { runs } = this.page;
    return runName(runs.find((run) => run.id === id), runs);
  }
}
