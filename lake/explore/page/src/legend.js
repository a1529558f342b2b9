/** What the colours of the map mean. */

import { LEVELS } from "./vectors.js";
import { shown } from "./table.js";

/** Fill the legend; `kept(least)` downloads the pixels that are at least so similar. */
export function show(box, legend, kept) {
  box.replaceChildren(paragraph(legend.title));
  if (legend.note) box.append(paragraph(legend.note));
  if (legend.ramp) box.append(bar(legend), marks(legend));
  if (legend.items) box.append(list(legend.items));
  if (legend.scores) box.append(...threshold(legend.scores, kept));
}

function bar({ ramp }) {
  const made = document.createElement("canvas");
  [made.width, made.height] = [ramp.length, 1];
  const data = new Uint8ClampedArray(ramp.buffer);
  made.getContext("2d").putImageData(new ImageData(data, ramp.length, 1), 0, 0);
  made.setAttribute("aria-hidden", "true");
  return made;
}

/** `ends`: what stands before the first and the last number, where more values have that colour. */
function marks({ limits: [from, to], ends: [below, above] }) {
  const row = document.createElement("div");
  row.className = "marks";
  for (const text of [below + shown(from), shown((from + to) / 2), above + shown(to)]) {
    const mark = document.createElement("span");
    mark.textContent = text;
    row.append(mark);
  }
  return row;
}

function list(items) {
  const made = document.createElement("ul");
  for (const { colour, name, share } of items) {
    const item = document.createElement("li");
    const swatch = document.createElement("i");
    swatch.style.background = colour;
    item.append(swatch, `${name}, ${share}`);
    made.append(item);
  }
  return made;
}

/** How many pixels are at least so similar, and a button that keeps them. */
function threshold(scores, kept) {
  const line = document.createElement("div");
  line.className = "least";
  const label = document.createElement("label");
  label.htmlFor = "least";
  label.textContent = "at least";
  const input = Object.assign(document.createElement("input"), {
    type: "range", id: "least", min: "0", max: "1", step: "0.01", value: "0.9",
  });
  const told = document.createElement("output");
  const save = Object.assign(document.createElement("button"), { type: "button", id: "save", textContent: "CSV" });
  save.setAttribute("aria-label", "Download these pixels as CSV");
  const count = () => {
    const least = Number(input.value) * LEVELS;
    let found = 0;
    for (let i = 0; i < scores.length; i++) if (scores[i] >= least) found++;
    const share = ((100 * found) / scores.length).toFixed(1);
    told.textContent = `${Number(input.value).toFixed(2)}: ${found.toLocaleString("en")} pixels (${share} %)`;
  };
  input.addEventListener("input", count);
  save.addEventListener("click", () => kept(Number(input.value)));
  setTimeout(count); // once the map is drawn
  line.append(label, input, save);
  return [line, told];
}

function paragraph(text) {
  const made = document.createElement("p");
  made.textContent = text;
  return made;
}
