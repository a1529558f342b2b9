/** What the colours of the map mean. */

import { LEVELS } from "./vectors.js";
import { formatNumber } from "./table.js";

/** Fill the legend; `onKeep(lowest)` downloads the pixels that are at least so similar. */
export function show(box, legend, onKeep) {
  box.replaceChildren(paragraph(legend.title));
  if (legend.note) box.append(paragraph(legend.note));
  if (legend.ramp) box.append(bar(legend), marks(legend));
  if (legend.items) box.append(list(legend.items));
  if (legend.scores) box.append(...threshold(legend.scores, onKeep));
}

function bar({ ramp }) {
  const node = document.createElement("canvas");
  [node.width, node.height] = [ramp.length, 1];
  const data = new Uint8ClampedArray(ramp.buffer);
  node.getContext("2d").putImageData(new ImageData(data, ramp.length, 1), 0, 0);
  node.setAttribute("aria-hidden", "true");
  return node;
}

/** `ends`: what stands before the first and the last number, where more values have that colour. */
function marks({ limits: [from, to], ends: [below, above] }) {
  const row = document.createElement("div");
  row.className = "marks";
  for (const text of [below + formatNumber(from), formatNumber((from + to) / 2), above + formatNumber(to)]) {
    const mark = document.createElement("span");
    mark.textContent = text;
    row.append(mark);
  }
  return row;
}

function list(items) {
  const node = document.createElement("ul");
  for (const { colour, name, share } of items) {
    const item = document.createElement("li");
    const swatch = document.createElement("i");
    swatch.style.background = colour;
    item.append(swatch, `${name}, ${share}`);
    node.append(item);
  }
  return node;
}

/** How many pixels are at least so similar, and a button that keeps them. */
function threshold(scores, onKeep) {
  const line = document.createElement("div");
  line.className = "least";
  const label = document.createElement("label");
  label.htmlFor = "least";
  label.textContent = "at least";
  const input = Object.assign(document.createElement("input"), {
    type: "range", id: "least", min: "0", max: "1", step: "0.01", value: "0.9",
  });
  const output = document.createElement("output");
  const save = Object.assign(document.createElement("button"), { type: "button", id: "save", textContent: "CSV" });
  save.setAttribute("aria-label", "Download these pixels as CSV");
  const count = () => {
    const lowest = Number(input.value) * LEVELS;
    let total = 0;
    for (let i = 0; i < scores.length; i++) if (scores[i] >= lowest) total++;
    const share = ((100 * total) / scores.length).toFixed(1);
    output.textContent = `${Number(input.value).toFixed(2)}: ${total.toLocaleString("en")} pixels (${share} %)`;
  };
  input.addEventListener("input", count);
  save.addEventListener("click", () => onKeep(Number(input.value)));
  setTimeout(count); // once the map is drawn
  line.append(label, input, save);
  return [line, output];
}

function paragraph(text) {
  const node = document.createElement("p");
  node.textContent = text;
  return node;
}
