/** Shows one month after the other, or one hour after the other, in the same colours, until it is stopped. */

const PAUSE_MS = 600;

const get = (id) => document.getElementById(id);
const BUTTONS = { month: "play-months", tod: "play-hours" };
const WORDS = { month: "month", tod: "time of day" };

export class Player {
  /** listeners: { tried(work), begin(): keep the colours, step(name): show the next one }. */
  constructor(listeners) {
    this.listeners = listeners;
    this.turn = 0;
    for (const [name, id] of Object.entries(BUTTONS)) {
      get(id).addEventListener("click", () => (this.playing === name ? this.stop() : listeners.tried(() => this.play(name))));
    }
  }

  /** What there is to play: numbers of months and of times of day; 0 where a map has neither. */
  offer(months, tods) {
    for (const [name, count] of [["month", months], ["tod", tods]]) {
      const button = get(BUTTONS[name]);
      button.disabled = count < 2;
      button.title = count ? (count < 2 ? `There is one ${WORDS[name]}` : "") : "Of statistics only";
    }
    if (months < 2 && tods < 2) this.stop();
  }

  async play(name) {
    this.stop();
    const { turn } = this;
    this.playing = name;
    get(BUTTONS[name]).setAttribute("aria-pressed", "true");
    this.listeners.begin();
    try {
      while (turn === this.turn) {
        await this.listeners.step(name);
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
    } finally {
      if (turn === this.turn) this.stop();
    }
  }

  stop() {
    this.turn++;
    this.playing = undefined;
    for (const id of Object.values(BUTTONS)) get(id).setAttribute("aria-pressed", "false");
  }
}
