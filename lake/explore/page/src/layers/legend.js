/** What the colours of the map mean. */

import { LEVELS } from "../vectors/vectors.js";
import { formatNumber } from "../words/table.js";

/** Why logarithmic colours cannot begin at some numbers. */
export const BELOW_LOG = "Logarithmic colours begin above 0";
export const LEAST = 0.9; // threshold of similarity, where none is given

/**
 * Fill the legend.
 *
 * about: what the title leaves out, as paragraphs. listeners: { keep(lowest): downloads the pixels that are at
 * least so similar; least(value): tells of another threshold, look(value): of one that is tried;
 * rank(is): colours by rank; limit(low, high): colours by hand, undefined: by the data; log(is): logarithmic
 * colours, undefined: they cannot be }. isLog: whether they are chosen.
 */
export function show(box, legend, { about = [], least = LEAST, isLog = false, listeners = {} } = {}) {
  const focused = box.contains(document.activeElement) ? document.activeElement.id : "";
  box.replaceChildren(paragraph(legend.title, "title"), ...about.map((text) => paragraph(text, "about")));
  if (legend.note) box.append(paragraph(legend.note));
  if (legend.ramp) box.append(bar(legend), legend.isMarked ? marks(legend) : bounds(legend, listeners.limit));
  if (legend.ramp && listeners.log) box.append(checkbox("log", "logarithmic colours", isLog, listeners.log));
  if (legend.items) box.append(list(legend.items));
  if (legend.greys?.length) box.append(list(legend.greys));
  if (legend.scores) box.append(...threshold(legend, least, listeners));
  if (focused) document.getElementById(focused)?.focus();
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
function marks({ limits: [from, to], ends: [below, above], unit = "" }) {
  const row = document.createElement("div");
  row.className = "marks";
  for (const text of [below + formatNumber(from), formatNumber((from + to) / 2), above + formatNumber(to)]) {
    const mark = document.createElement("span");
    mark.textContent = unit ? `${text} ${unit}` : text;
    row.append(mark);
  }
  return row;
}

/** Where the colours begin and end: numbers that can be changed, and a way back to those of the data. */
function bounds({ limits, ends, isFixed, isCentred, isLog }, limit) {
  const row = document.createElement("div");
  row.className = "marks";
  const inputs = limits.map((value, end) => {
    const input = Object.assign(document.createElement("input"), {
      type: "number", step: "any", id: ["low", "high"][end], defaultValue: formatNumber(value), title: ends[end] + formatNumber(value),
    });
    input.setAttribute("aria-label", end ? "Colours end at" : "Colours begin at");
    return input;
  });
  const change = (end) => {
    if (isCentred) inputs[1 - end].value = String(-inputs[end].valueAsNumber);
    // what was not touched keeps the digits that are not shown
    const [low, high] = inputs.map((input, end) => (input.value === input.defaultValue ? limits[end] : input.valueAsNumber));
    const wrong = !(low < high) ? "The colours must begin below their end" : isLog && low <= 0 ? BELOW_LOG : "";
    for (const input of inputs) input.setCustomValidity(wrong);
    if (!wrong) limit(low, high);
    else inputs[0].reportValidity();
  };
  inputs.forEach((input, end) => input.addEventListener("change", () => change(end)));
  const middle = Object.assign(document.createElement(isFixed ? "button" : "span"), {
    id: "middle", textContent: isFixed ? "by the data" : formatNumber(isLog ? Math.sqrt(limits[0] * limits[1]) : (limits[0] + limits[1]) / 2),
  });
  if (isFixed) {
    middle.type = "button";
    middle.addEventListener("click", () => limit());
  }
  row.append(inputs[0], middle, inputs[1]);
  return row;
}

function list(items) {
  const node = document.createElement("ul");
  for (const { colour, name, share } of items) {
    const item = document.createElement("li");
    const swatch = document.createElement("i");
    swatch.style.background = colour;
    item.append(swatch, share ? `${name}, ${share}` : name);
    node.append(item);
  }
  return node;
}

/** How many pixels are at least so similar, and a button that keeps them. */
function threshold({ scores, isRanked }, least, listeners) {
  const line = document.createElement("div");
  line.className = "least";
  const label = document.createElement("label");
  label.htmlFor = "least";
  label.textContent = "at least";
  const input = Object.assign(document.createElement("input"), {
    type: "range", id: "least", min: "0", max: "1", step: "0.01", value: String(least),
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
  input.addEventListener("input", () => {
    count();
    listeners.look(Number(input.value));
  });
  input.addEventListener("change", () => listeners.least(Number(input.value)));
  save.addEventListener("click", () => listeners.keep(Number(input.value)));
  setTimeout(count); // once the map is drawn
  line.append(label, input, save);
  const rank = checkbox("ranked", "colours by rank", isRanked, listeners.rank);
  return [line, output, rank];
}

function checkbox(id, words, checked, changed) {
  const label = document.createElement("label");
  const box = Object.assign(document.createElement("input"), { type: "checkbox", id, checked });
  box.addEventListener("change", () => changed(box.checked));
  label.append(box, ` ${words}`);
  return label;
}

function paragraph(text, kind = "") {
  const node = document.createElement("p");
  node.className = kind;
  node.textContent = text;
  return node;
}
