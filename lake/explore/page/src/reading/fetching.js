/** Says on the page what is being read, with a button that stops it; and asks before much is read. */

import { traffic } from "./traffic.js";

const SHOWN_AFTER_MS = 400;
const LOOK_MS = 250;
export const FREE_BYTES = 4e6; // read without a question

const get = (id) => document.getElementById(id);
const agreed = new Map(); // kind -> bytes that were agreed to
const questions = new Map(); // kind -> { bytes, what, resolve }

/**
 * Whether so many bytes may be read: at once if they are few, or if as many of that kind were agreed to
 * before; else once the button is pressed that it shows. False if the question is taken back, as by a later
 * one of its kind.
 */
export function consent(kind, bytes, what) {
  withdraw(kind);
  const answer = isFree(kind, bytes) ? Promise.resolve(true) : new Promise((resolve) => questions.set(kind, { bytes, what, resolve }));
  show();
  return answer;
}

/** Whether so many bytes are read without a question. */
export function isFree(kind, bytes) {
  return bytes <= Math.max(FREE_BYTES, agreed.get(kind) ?? 0);
}

/** Take back the question of a kind; of all, without one. */
export function withdraw(kind) {
  for (const each of kind ? [kind] : [...questions.keys()]) {
    questions.get(each)?.resolve(false);
    questions.delete(each);
  }
  show();
}

export function megabytes(bytes) {
  const count = bytes / 1e6;
  return `${count < 10 ? count.toFixed(1) : Math.round(count)} MB`;
}

function show() {
  for (const box of document.querySelectorAll("[data-asks]")) {
    const kinds = box.dataset.asks.split(" ").filter((kind) => questions.has(kind));
    box.replaceChildren(...kinds.map((kind) => line(kind, questions.get(kind))));
  }
}

function line(kind, { bytes, what, resolve }) {
  const paragraph = document.createElement("p");
  const button = Object.assign(document.createElement("button"), { type: "button", textContent: `Read ${megabytes(bytes)}` });
  button.addEventListener("click", () => {
    agreed.set(kind, bytes);
    resolve(true);
    withdraw(kind);
  });
  paragraph.append(`${what} `, button);
  return paragraph;
}

let since = 0; // when reading began; 0: nothing is read

function look() {
  const isReading = traffic.requests > 0;
  since = isReading ? since || performance.now() : 0;
  get("fetching").hidden = !isReading || performance.now() - since < SHOWN_AFTER_MS;
  const text = traffic.silence
    ? `The lake has not answered for ${traffic.silence} s`
    : `Reading ${megabytes(traffic.bytes)} …`;
  if (get("fetching").firstElementChild.textContent !== text) get("fetching").firstElementChild.textContent = text;
}

get("stop").addEventListener("click", () => traffic.stop());
setInterval(look, LOOK_MS);
