/** Charts of a pixel's year and day as SVG: a line for each band, in colours that can be told apart. */

import { CLOCKS, isChosen, solar, stepOf } from "../words/hours.js";
import { bandColour } from "./colours.js";

const NS = "http://www.w3.org/2000/svg";
export const SIZE = { width: 340, height: 190, left: 44, right: 40, top: 24, bottom: 24 };
export const DASHES = { A: "", B: "5 3" };
const DAY = 86400;
const LONG = 48; // letters of a heading that does not fit above the axes alone

export const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/** Places of the axes, and their names. */
const MARKS = {
  month: [1, 4, 7, 10, 12].map((month) => [month, MONTHS[month - 1]]),
  tod: [0, 6, 12, 18, 24].map((hour) => [3600 * hour, String(hour).padStart(2, "0")]),
};

/** `HH:MM` of seconds of the UTC day. */
export function clock(tod) {
  const two = (n) => String(n).padStart(2, "0");
  return `${two(Math.floor(tod / 3600))}:${two(Math.floor((tod % 3600) / 60))}`;
}

/** "18:00 UTC" of what is chosen, or "12:00 local mean solar time". */
export function timeName({ tod, local }) {
  return local === undefined ? `${clock(tod)} ${CLOCKS.utc}` : `${clock(local)} ${CLOCKS.solar}`;
}

/**
 * The charts of some pixels.
 *
 * pixels: [{ name: "A" | "B" | "" (of many), rows }] with `rows` as of Store.series, or of averages.js; selection:
 * { month, tod, local, clock }. Of local mean solar time every pixel has its own, by its `lon`. Bars are one `spread` to
 * both sides.
 * Returns a list of SVG elements: for each unit the year at that time of day and the day in that month.
 */
export function charts(pixels, selection) {
  const all = pixels.flatMap(({ rows }) => rows);
  const bands = [...new Set(all.map((row) => row.band))].sort();
  const colour = Object.fromEntries(bands.map((band, i) => [band, bandColour(i)]));
  const elements = [];
  for (const unit of [...new Set(all.map((row) => row.unit))]) {
    const isSolar = selection.clock === "solar";
    const cycles = [
      [`Year at ${timeName(selection)}`, "month", (rows, lon) => isChosen(rows, selection, lon)],
      [`Day in ${MONTHS[selection.month - 1]}, ${CLOCKS[selection.clock ?? "utc"]}`, "tod", () => (row) => row.month === selection.month],
    ];
    for (const [title, along, isIn] of cycles) {
      const lines = pixels.flatMap(({ name, rows, lon }) =>
        bands.map((band) => {
          const own = rows.filter((row) => row.unit === unit && row.band === band);
          const placed = own.filter(isIn(own, lon)).map((row) => (isSolar ? { ...row, tod: solar(row.tod, lon) } : row));
          const { quantity } = own[0] ?? {};
          return { band, name, quantity, colour: colour[band], along, ...pointsOf(placed, along), tods: own.map(({ tod }) => tod) };
        }),
      );
      const visible = lines.filter((line) => line.points.length);
      if (visible.length) elements.push(chart(title, unit, along, visible, pixels.length > 1));
    }
  }
  return elements;
}

/**
 * Charts of the mean spectrum of many pixels at the chosen month and time of day, one of each unit with more than
 * one band; rows as of averages.js, lon: of their place.
 */
export function spectra(rows, selection, lon) {
  const { month } = selection;
  const isIn = isChosen(rows, selection, lon);
  const present = rows.filter((row) => row.month === month && isIn(row) && Number.isFinite(row.mean));
  return [...new Set(present.map((row) => row.unit))].flatMap((unit) => {
    const own = present.filter((row) => row.unit === unit);
    const bands = [...new Set(own.map((row) => row.band))].sort();
    if (bands.length < 2) return [];
    const { points, spreads } = pointsOf(own.map((row) => ({ ...row, place: bands.indexOf(row.band) })), "place");
    const line = { band: "", name: "", quantity: own[0].quantity, colour: bandColour(0), along: "place", points, spreads, bands };
    return [chart(`Spectrum, ${MONTHS[month - 1]}, ${timeName(selection)}`, unit, "place", [line], false)];
  });
}

/** { points: [x, mean] in order of x, of what has a mean; spreads: of those that have one }. */
function pointsOf(rows, along) {
  const present = rows.filter(({ mean }) => Number.isFinite(mean)).sort((a, b) => a[along] - b[along]);
  return { points: present.map((row) => [row[along], row.mean]), spreads: present.map(({ spread }) => spread ?? NaN) };
}

/**
 * Pieces of a line through neighbouring slots; ends: { x, y } where it goes on past midnight.
 *
 * Months are neighbours within the year: a store of one year has no January after its December. Times of
 * day are neighbours where they lie one step apart, the smallest step that the band has; also across
 * midnight, so that a day of all steps goes from one edge of the chart to the other.
 */
export function pieces(points, along, tods) {
  if (along === "place") return [points];
  const step = along === "month" ? 1 : stepOf(tods);
  const lines = points.length ? [[points[0]]] : [];
  for (let i = 1; i < points.length; i++) {
    if (points[i][0] - points[i - 1][0] <= step) lines.at(-1).push(points[i]);
    else lines.push([points[i]]);
  }
  const [first, last] = [points[0], points.at(-1)];
  if (along === "month" || points.length < 2 || first[0] + DAY - last[0] > step) return lines;
  const share = (DAY - last[0]) / (first[0] + DAY - last[0]);
  const midnight = last[1] + share * (first[1] - last[1]);
  lines.at(-1).push([DAY, midnight]);
  if (first[0] > 0) lines[0].unshift([0, midnight]);
  return lines;
}

function chart(title, unit, along, lines, isCompared) {
  const quantity = unit === "1" ? `mean ${[...new Set(lines.map((l) => l.quantity))].join(" and ")}` : `mean, ${unit}`;
  const ends = ({ points, spreads }) => points.flatMap(([, y], i) => [-1, 1].map((side) => y + side * (spreads[i] || 0)));
  const ys = lines.flatMap(ends);
  const [low, high, step] = ticks(Math.min(...ys), Math.max(...ys));
  const [{ bands }] = lines;
  const [first, last] = { month: [1, 12], tod: [0, DAY], place: [0, (bands?.length ?? 1) - 1] }[along];
  const { width, height, left, right, top, bottom } = SIZE;
  const x = (value) => left + ((value - first) / (last - first)) * (width - left - right);
  const y = (value) => height - bottom - ((value - low) / (high - low)) * (height - top - bottom);
  const svg = element("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", class: "chart" });
  const named = bands ?? [...new Set(lines.map((l) => l.band))];
  svg.setAttribute("aria-label", `${title}: ${quantity} of ${named.join(", ")}`);
  const heading = `${title} · ${quantity}`;
  svg.append(text(heading.length > LONG ? 2 : left, 12, heading, "start", "title"));
  for (let value = low; value <= high + step / 1e6; value += step) {
    svg.append(element("line", { x1: left, x2: width - right, y1: y(value), y2: y(value), class: "rule" }));
    svg.append(text(left - 5, y(value) + 3.5, formatTick(value, step), "end"));
  }
  const marks = bands?.map((band, place) => [place, band]) ?? MARKS[along];
  for (const [value, name] of marks) svg.append(text(x(value), height - 8, name, "middle"));
  for (const line of lines) svg.append(...drawLine(line, x, y));
  const names = lines.filter((line) => line.band && (line.name === "A" || !isCompared));
  svg.append(...labels(names, x, y, width - right + 4));
  return svg;
}

function drawLine(line, x, y) {
  const style = { stroke: line.colour, fill: "none", "stroke-width": 1.8, "stroke-dasharray": DASHES[line.name] ?? "" };
  const place = ([a, b]) => [x(a).toFixed(1), y(b).toFixed(1)];
  const joined = pieces(line.points, line.along, line.tods).filter((piece) => piece.length > 1);
  const lines = joined.map((piece) =>
    element("polyline", { points: piece.map((point) => place(point).join()).join(" "), ...style }),
  );
  const dots = line.points.map((point) => {
    const [cx, cy] = place(point);
    const colours = line.name === "B" ? { fill: "none", stroke: line.colour } : { fill: line.colour };
    return element("circle", { cx, cy, r: 2.2, ...colours });
  });
  const bars = line.points.flatMap(([a, b], i) => {
    if (!(line.spreads[i] > 0)) return [];
    const [[x1, y1], [, y2]] = [-1, 1].map((side) => place([a, b + side * line.spreads[i]]));
    return [element("line", { x1, x2: x1, y1, y2, stroke: line.colour, "stroke-opacity": 0.5, "stroke-width": 1.2 })];
  });
  return [...bars, ...lines, ...dots];
}

/** Names of bands at the ends of their lines, moved apart. */
function labels(lines, x, y, left) {
  const places = lines
    .map((line) => ({ line, y: y(line.points.at(-1)[1]) }))
    .sort((a, b) => a.y - b.y);
  for (let i = 1; i < places.length; i++) places[i].y = Math.max(places[i].y, places[i - 1].y + 11);
  const below = places.length ? places.at(-1).y - (SIZE.height - SIZE.bottom) : 0;
  return places.flatMap((place) => {
    const at = place.y - Math.max(0, below);
    const swatch = element("rect", { x: left, y: at - 2, width: 7, height: 4, fill: place.line.colour });
    return [swatch, text(left + 10, at + 3.5, place.line.band, "start", "band")];
  });
}

/** [low, high, step] of some round numbers around a range. */
export function ticks(low, high) {
  const span = Math.max(high - low, Math.abs(high) * 1e-3, 1e-6);
  const raw = span / 4;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= raw);
  return [Math.floor(low / step) * step, Math.ceil(high / step) * step, step];
}

/** A number as precise as the steps of its axis. */
export function formatTick(value, step) {
  const text = value.toFixed(Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
  return Number(text) === 0 ? text.replace("-", "") : text;
}

export function element(name, attributes) {
  const node = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) if (value !== "") node.setAttribute(key, value);
  return node;
}

export function text(x, y, content, anchor, kind = "tick") {
  const node = element("text", { x, y, "text-anchor": anchor, class: kind });
  node.textContent = content;
  return node;
}
