/**
 * How the vectors of the chosen pixels move over the year and over the day, by a run of `lake trajectory`.
 *
 * The plane and the means are those of `lake plot loops` (jobs/figures/trajectory_loops.py).
 */

import { pixelLoops } from "../drawing/loops.js";
import { consent, withdraw } from "../reading/fetching.js";
import { Paths } from "../reading/paths.js";
import { runName } from "../words/names.js";

const get = (id) => document.getElementById(id);

export class Trajectory {
  /** listeners: { tried(work), changed(isOpen) }. */
  constructor(listeners) {
    this.turn = 0; // of reading: a later one ends those before
    get("loops").addEventListener("toggle", () => {
      listeners.changed(get("loops").open);
      listeners.tried(() => this.show(this.marks ?? []));
    });
  }

  /** The newest run on the pixels of a store. */
  enter(objects, runs) {
    const run = runs.find(({ job, arrays }) => job === "trajectory" && arrays.length);
    if (run?.id !== this.run?.id) this.opened = undefined;
    [this.run, this.objects] = [run, objects];
    get("loops").hidden = !run;
    this.forget();
    if (run) get("loops-of").textContent = `${runName(run, runs)}. Line: this period, dashed: the other; grey: mean of the pixels around`;
  }

  /** Show no loops. */
  forget() {
    this.turn++;
    this.marks = [];
    withdraw("trajectory");
    get("loop-charts").replaceChildren();
  }

  /** Read and draw chosen pixels, { name, pixel }, if the loops are to be seen. */
  async show(marks) {
    this.forget(); // else they would look like those of what was chosen
    const { turn } = this;
    this.marks = marks;
    const isSeen = this.run && get("loops").open && marks.length;
    if (!isSeen) return;
    this.opened ??= new Paths(this.objects, this.run.path).open();
    const opened = await this.opened;
    const isAllowed = await consent("trajectory", opened.bytes(marks.map(({ pixel }) => pixel)), "The paths of the pixels around:");
    if (!isAllowed || turn !== this.turn) return;
    const paths = await Promise.all(marks.map(async ({ name, pixel }) => ({ name, ...(await opened.of(pixel)) })));
    if (turn !== this.turn) return;
    const charts = pixelLoops(paths, opened);
    const none = Object.assign(document.createElement("p"), { className: "faint", textContent: "The run has too few months and times of day for a loop." });
    get("loop-charts").replaceChildren(...(charts.length ? charts : [none]));
  }
}
