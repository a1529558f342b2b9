/** A picture of the map with its legend below it, as PNG and as SVG. */

import { graticule } from "../map/graticule.js";
import { traced } from "../map/lines.js";
import { degreesOf } from "../reading/grid.js";

const [WIDTH, LINE, EDGE] = [420, 19, 12]; // of the legend, screen pixels
const INK = "#1c2126";
const FONT = "system-ui, sans-serif";
const STOPS = 64; // colours of the bar in SVG, linear between them
const NEAR = 0.4; // screen pixels between points of a line that are worth keeping
const SVG = "http://www.w3.org/2000/svg";

/**
 * What stands below the map: { height, texts: [{ text, x, y, size, isBold, isRight }], boxes: [{ colour, x, y, width,
 * height }], bar: { ramp, x, y, width, height }, undefined: none }; lines: what stands under the title.
 */
function caption(legend, lines, width) {
  const entries = [...(legend.items ?? []), ...(legend.greys ?? [])];
  const [texts, boxes] = [[], []];
  let y = EDGE + LINE / 2;
  const write = (text, x, more) => texts.push({ text, x, y, size: 13, ...more });
  const writeWrapped = (text, x, more) => wrapped(text, width - x - EDGE, { size: 13, ...more }).forEach((line, n) => {
    y += n && LINE;
    write(line, x, more);
  });
  writeWrapped(legend.title, EDGE, { size: 14, isBold: true });
  for (const text of [...lines, ...(legend.note ? [legend.note] : [])]) {
    y += LINE;
    writeWrapped(text, EDGE);
  }
  let bar;
  if (legend.ramp) {
    y += LINE;
    bar = { ramp: legend.ramp, x: EDGE, y: y - 7, width: Math.min(WIDTH, width - 2 * EDGE), height: 14 };
    y += LINE * 1.2;
    const [low, high] = legend.limits.map((limit) => Number(limit.toPrecision(5)));
    const unit = legend.unit && legend.unit !== "1" ? ` ${legend.unit}` : "";
    write(legend.ends[0] + low + unit, EDGE);
    write(legend.ends[1] + high + unit, EDGE + bar.width, { isRight: true });
  }
  for (const { colour, name, share } of entries) {
    y += LINE;
    boxes.push({ colour, x: EDGE, y: y - 6, width: 12, height: 12 });
    writeWrapped(share ? `${name}, ${share}` : name, EDGE + 20);
  }
  return { height: y + LINE / 2 + EDGE, texts, boxes, bar };
}

/** Text as lines that are no wider than some screen pixels; a word that is wider is cut. */
function wrapped(text, width, style) {
  const context = document.createElement("canvas").getContext("2d");
  context.font = fontOf(style);
  const isWide = (line) => context.measureText(line).width > width;
  const lines = [];
  for (const word of text.split(" ")) {
    const longer = lines.length ? `${lines.at(-1)} ${word}` : word;
    if (lines.length && !isWide(longer)) lines[lines.length - 1] = longer;
    else lines.push(word);
    for (let last; isWide((last = lines.at(-1))) && last.length > 1; ) {
      let length = last.length - 1;
      while (length > 1 && isWide(last.slice(0, length))) length--;
      lines.splice(-1, 1, last.slice(0, length), last.slice(length));
    }
  }
  return lines;
}

function fontOf({ size, isBold }) {
  return `${isBold ? "bold " : ""}${size}px ${FONT}`;
}

/** A PNG file of a canvas with its legend below it, as a Blob. */
export function png(map, background, legend, lines) {
  const dots = map.width / map.clientWidth;
  const { height, texts, boxes, bar } = caption(legend, lines, map.clientWidth);
  const sheet = Object.assign(document.createElement("canvas"), { width: map.width, height: map.height + Math.round(height * dots) });
  const context = sheet.getContext("2d");
  const fill = (colour, x, y, width, high) => {
    context.fillStyle = colour;
    context.fillRect(x, y, width, high);
  };
  fill("white", 0, 0, sheet.width, sheet.height);
  fill(background, 0, 0, map.width, map.height);
  context.drawImage(map, 0, 0);
  context.setTransform(dots, 0, 0, dots, 0, map.height);
  for (const { text, x, y, size, isBold, isRight } of texts) {
    Object.assign(context, { fillStyle: INK, font: fontOf({ size, isBold }), textAlign: isRight ? "right" : "left", textBaseline: "middle" });
    context.fillText(text, x, y);
  }
  if (bar) {
    const step = bar.width / bar.ramp.length;
    bar.ramp.forEach((colour, i) => fill(hex(colour), bar.x + i * step, bar.y, step + 1, bar.height));
  }
  for (const { colour, x, y, width, height: high } of boxes) fill(colour, x, y, width, high);
  return new Promise((resolve) => sheet.toBlob(resolve, "image/png"));
}

/**
 * An SVG file of a map, as of map.js, with its legend below it: the images of the map as one image, all else as lines
 * and text. grid: of the store.
 */
export async function svg(map, grid, background, legend, lines) {
  const [width, height] = map.size;
  const below = caption(legend, lines, width);
  const root = element("svg", { width, height: height + below.height, viewBox: `0 0 ${width} ${height + below.height}` });
  root.append(element("title", {}, legend.title), element("desc", {}, lines.join("\n")));
  root.append(element("rect", { width, height: height + below.height, fill: "white" }));
  const sheet = element("svg", { id: "map", width, height, overflow: "hidden" });
  sheet.append(element("rect", { width, height, ...paint("fill", background) }));
  sheet.append(element("image", { width, height, href: map.raster().toDataURL(), preserveAspectRatio: "none" }));
  sheet.append(degreesOver(map, grid), ...(await outlines(map, grid)), ...marks(map));
  root.append(sheet, captionGroup(below, height));
  const text = new XMLSerializer().serializeToString(root);
  return new Blob([`<?xml version="1.0" encoding="UTF-8"?>\n${text}\n`], { type: "image/svg+xml" });
}

/** Lines of whole degrees, each with its name where it enters the picture at the left or at the bottom. */
function degreesOver(map, grid) {
  const colour = paint("stroke", getComputedStyle(map.canvas).getPropertyValue("--border"));
  const group = element("g", { id: "graticule", fill: "none", ...colour, "stroke-width": 0.4 });
  const [width, height] = map.size;
  const degrees = degreesOf(grid, map.visible);
  if (!degrees.every(Number.isFinite)) return group;
  const halo = { stroke: "white", "stroke-width": 2, "stroke-opacity": 0.8, "paint-order": "stroke" };
  const names = element("g", { "font-family": FONT, "font-size": 10, fill: INK, ...halo });
  for (const { name, isParallel, points } of graticule(grid, degrees)) {
    const pen = new Pen(map);
    points.forEach((place, i) => place && pen[points[i - 1] ? "lineTo" : "moveTo"](place[1], place[0]));
    group.append(element("path", { d: pen.d }));
    const places = points.filter(Boolean).map(([row, column]) => map.onScreen(row, column));
    const inside = places.filter(([x, y]) => x > 2 && y > 12 && x < width - 36 && y < height - 4);
    const [at] = inside.sort(([x, y], [u, v]) => (isParallel ? x - u : v - y));
    if (at) names.append(element("text", { x: at[0].toFixed(1), y: (at[1] - 2).toFixed(1) }, name));
  }
  group.append(names);
  return group;
}

/** Coast lines and borders, as on the map. */
async function outlines(map, grid) {
  const pens = { borders: new Pen(map), coasts: new Pen(map) };
  await traced(grid, pens);
  const style = getComputedStyle(map.canvas);
  return Object.entries(pens).map(([id, { d }]) => {
    const colour = style.getPropertyValue(id === "coasts" ? "--coast" : "--border");
    return element("path", { id, d, fill: "none", ...paint("stroke", colour), "stroke-width": id === "coasts" ? 1 : 0.7 });
  });
}

/** Labelled pixels and chosen ones. */
function marks({ dots, marks: chosen, view: { zoom }, onScreen }) {
  const square = ({ row, column }, least) => {
    const [x, y] = onScreen(row + 0.5, column + 0.5);
    const half = Math.max(least, zoom / 2);
    return { x: x - half, y: y - half, width: 2 * half, height: 2 * half };
  };
  const labelled = dots.map((dot) => element("rect", { ...square(dot, 3), fill: dot.colour, stroke: "white" }));
  const named = chosen.flatMap((mark) => {
    const box = square(mark, 5);
    const around = [["white", 4], ["black", 2]].map(([stroke, width]) => element("rect", { ...box, fill: "none", stroke, "stroke-width": width }));
    const font = { "font-family": FONT, "font-size": 13, "font-weight": "bold", stroke: "white", "stroke-width": 4, "paint-order": "stroke" };
    return [...around, element("text", { x: box.x + box.width + 4, y: box.y, ...font }, mark.name)];
  });
  return [...labelled, ...named];
}

function captionGroup({ texts, boxes, bar }, top) {
  const group = element("g", { id: "legend", transform: `translate(0 ${top})`, "font-family": FONT, fill: INK });
  if (bar) {
    const gradient = element("linearGradient", { id: "colours" });
    for (let i = 0; i <= STOPS; i++) {
      gradient.append(element("stop", { offset: i / STOPS, "stop-color": hex(bar.ramp[Math.round((i * (bar.ramp.length - 1)) / STOPS)]) }));
    }
    const { x, y, width, height } = bar;
    group.append(gradient, element("rect", { x, y, width, height, fill: "url(#colours)" }));
  }
  for (const { colour, ...box } of boxes) group.append(element("rect", { ...box, ...paint("fill", colour) }));
  for (const { text, x, y, size, isBold, isRight } of texts) {
    const style = { "font-size": size, ...(isBold && { "font-weight": "bold" }), ...(isRight && { "text-anchor": "end" }) };
    group.append(element("text", { x, y: y + 0.35 * size, ...style }, text));
  }
  return group;
}

/** Writes the visible part of lines as the data of a path. */
class Pen {
  constructor({ size, onScreen }) {
    Object.assign(this, { size, onScreen, parts: [], last: [0, 0], isDown: false });
  }

  get d() {
    return this.parts.join("");
  }

  moveTo(column, row) {
    this.last = this.onScreen(row, column);
    this.isDown = false;
  }

  lineTo(column, row) {
    const [from, to] = [this.last, this.onScreen(row, column)];
    const isBeyond = this.size.some((length, k) => Math.max(from[k], to[k]) < 0 || Math.min(from[k], to[k]) > length);
    if (!isBeyond && this.isDown && Math.hypot(to[0] - from[0], to[1] - from[1]) < NEAR) return;
    this.last = to;
    if (!isBeyond) this.parts.push(...(this.isDown ? [] : [`M${written(from)}`]), `L${written(to)}`);
    this.isDown = !isBeyond;
  }
}

function written([x, y]) {
  return `${Number(x.toFixed(1))} ${Number(y.toFixed(1))}`;
}

function element(name, attributes, text) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

/** A colour of CSS as attributes that every reader of SVG knows: { fill, "fill-opacity" }. */
function paint(kind, colour) {
  const context = document.createElement("canvas").getContext("2d");
  context.fillStyle = colour.trim();
  const [, red, green, blue, opacity] = context.fillStyle.match(/^rgba\((\d+), (\d+), (\d+), ([\d.]+)\)$/) ?? [];
  return opacity === undefined ? { [kind]: context.fillStyle } : { [kind]: `rgb(${red},${green},${blue})`, [`${kind}-opacity`]: opacity };
}

/** "#rrggbb" of little-endian RGBA. */
function hex(colour) {
  return `#${[0, 8, 16].map((shift) => ((colour >>> shift) & 255).toString(16).padStart(2, "0")).join("")}`;
}
