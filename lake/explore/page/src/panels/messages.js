/** What the page says: what goes on, what went wrong, what else there is. */

import { LakeError } from "../reading/objects.js";
import { day } from "../words/names.js";

const get = (id) => document.getElementById(id);

export class Messages {
  said = "";

  /** Run something; what goes wrong is shown with what to do next. */
  async tried(work) {
    try {
      await work();
    } catch (error) {
      this.report(error);
    }
  }

  report(error) {
    if (!(error instanceof LakeError)) console.error(error);
    this.complain(error instanceof LakeError ? error.message : `Something went wrong: ${error.message}. Load the page again`);
    this.say("");
  }

  complain(text) {
    get("problem").hidden = !text;
    get("problem").querySelector("p").textContent = text;
  }

  say(text) {
    this.said = get("status").textContent = text;
  }

  /** Say what goes on for a moment: `unsay` brings back what was said before. */
  mention(text) {
    get("status").textContent = text;
  }

  /** Take back what was said of work that is done, unless something else was said since. */
  unsay(start) {
    const { textContent: text } = get("status");
    if (text.startsWith(start)) this.say(text === this.said ? "" : this.said);
  }

  /** Say when a copy of a lake was made, and what of the store it lacks; time: ISO 8601, undefined: it is the lake itself. */
  date(time, lacking = []) {
    get("made").hidden = !time;
    get("made").textContent = time ? [`Copy of the lake, ${day(time.slice(0, 10))}`, ...lacking].join(", without ") : "";
  }

  /** Say something of the generation, beside a button that shows the newest. */
  note(text) {
    get("note").hidden = false;
    get("note").querySelector("p").textContent = text;
  }
}
