/** Charts of loops as SVG: where vectors go in a plane, step by step. */

import { course } from "../reading/paths.js";
import { DASHES, MONTHS, SIZE, element, formatTick, text, ticks } from "./charts.js";
import { bandColour } from "./colours.js";

const LEAST_STEPS = 3;
const HEIGHT = 300;
const GREY = "#7a7a7a";

/**
 * What the loops of a cycle are drawn in: { title, names: of the steps, across, up, isClosed, axes: numbers of a vector
 * that lie across and up, undefined: the step itself }; undefined: the run has too few steps.
 */
export function plane(over, { months, tods, latent, channels }) {
  const isYear = over === "annual";
  const steps = isYear ? months : hours(tods);
  if (steps.length < LEAST_STEPS) return undefined;
  const isFlat = channels === 1 || latent === 1; // one direction alone: against time
  const axes = isFlat ? [undefined, isYear ? 0 : latent - 1] : [0, latent - 1];
  const names = isYear ? months.map((month) => MONTHS[month - 1]) : tods.map((tod) => String(Math.round(tod / 3600)).padStart(2, "0"));
  const [across, up] = axes.map((k) => (k === undefined ? (isYear ? "month" : "hour (UTC)") : direction(k, months, tods, latent)));
  const gaps = steps.slice(1).map((step, i) => step - steps[i]);
  const isClosed = !isFlat && steps[0] + (isYear ? 12 : 24) - steps.at(-1) <= Math.max(...gaps) + 1e-9;
  return { title: isYear ? "Loop over the year" : "Loop over the day, UTC", steps, names, across, up, isClosed, axes };
}

/** Vectors of the steps of a cycle as [x, y] in its plane. */
export function placed(vectors, { axes, steps }) {
  return vectors.map((vector, i) => axes.map((k) => (k === undefined ? steps[i] : vector[k])));
}

/** Charts of both cycles of some pixels; none of which the run has too few steps; paths: { name, own, around } of each, as of paths.js. */
export function pixelLoops(paths, run) {
  return ["annual", "diurnal"].flatMap((over) => {
    const drawn = plane(over, run);
    if (!drawn) return [];
    const place = (values) => placed(course(values, [run.months.length, run.tods.length, run.latent], over === "annual"), drawn);
    const lines = paths.map(({ name, own, around }) => ({ name, periods: own.map(place), around: place(around[0]) }));
    return [loopChart(lines, drawn)];
  });
}

/** "along direction 1 of the year" of a number of a vector: those of the year come first, then those of the day. */
function direction(k, months, tods, latent) {
  const count = latent / [months, tods].filter((steps) => steps.length > 1).length;
  return `along direction ${(k % count) + 1} of the ${k < count && months.length > 1 ? "year" : "day"}`;
}

/** Hours since the midnight (UTC) before the first time of day, each later than the one before it. */
function hours(tods) {
  const first = tods[0] / 3600;
  return tods.map((tod) => first + ((tod / 3600 - first + 24) % 24));
}

/**
 * A chart of loops.
 *
 * lines: [{ name, periods: [[x, y] of each step, NaN: not observed] of both periods, around: likewise of the mean, if it is
 * known }], named A and B, or "": of many pixels; words: as of plane; isClosed: the first step follows the last.
 */
export function loopChart(lines, { title, names, across, up, isClosed }) {
  const { width, left } = SIZE;
  const [top, right, bottom] = [32, 12, 36];
  const places = lines.flatMap(({ periods, around = [] }) => [...periods.flat(), ...around]).filter(isPlace);
  const ranges = [0, 1].map((axis) => ticks(Math.min(...places.map((place) => place[axis])), Math.max(...places.map((place) => place[axis]))));
  const [[west, east, stepX], [south, north, stepY]] = ranges;
  const x = (value) => left + ((value - west) / (east - west)) * (width - left - right);
  const y = (value) => HEIGHT - bottom - ((value - south) / (north - south)) * (HEIGHT - top - bottom);
  const svg = element("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", class: "chart" });
  svg.setAttribute("aria-label", `${title}: ${up} against ${across}, of ${lines.map(({ name }) => (name ? `pixel ${name}` : "picked pixels in the mean")).join(" and ")}`);
  svg.append(text(left, 12, title, "start", "title"));
  for (let value = south; value <= north + stepY / 1e6; value += stepY) {
    svg.append(element("line", { x1: left, x2: width - right, y1: y(value), y2: y(value), class: "rule" }));
    svg.append(text(left - 5, y(value) + 3.5, formatTick(value, stepY), "end"));
  }
  for (let value = west; value <= east + stepX / 1e6; value += stepX) svg.append(text(x(value), HEIGHT - 22, formatTick(value, stepX), "middle"));
  svg.append(text((left + width - right) / 2, HEIGHT - 8, across, "middle"), text(left, 25, up, "start"));
  const path = (steps, style) => {
    const known = steps.filter(isPlace);
    const joined = isClosed ? [...known, ...known.slice(0, 1)] : known;
    return element("polyline", { points: joined.map((place) => `${x(place[0]).toFixed(1)},${y(place[1]).toFixed(1)}`).join(" "), fill: "none", ...style });
  };
  lines.forEach(({ name, periods, around }, n) => {
    const stroke = bandColour(n);
    if (around) svg.append(path(around, { stroke: GREY, "stroke-width": 1.2, "stroke-dasharray": DASHES[name] ?? "" }));
    svg.append(path(periods[1], { stroke, "stroke-width": 1.2, "stroke-opacity": 0.7, "stroke-dasharray": "4 3" }));
    svg.append(path(periods[0], { stroke, "stroke-width": 1.8 }));
    periods[0].forEach((place, step) => {
      if (!isPlace(place)) return;
      svg.append(element("circle", { cx: x(place[0]).toFixed(1), cy: y(place[1]).toFixed(1), r: 2.4, fill: stroke }));
      svg.append(text(x(place[0]) + 4, y(place[1]) - 3, step || !name ? names[step] : `${name} ${names[step]}`, "start", "band"));
    });
  });
  return svg;
}

function isPlace([x, y]) {
  return Number.isFinite(x) && Number.isFinite(y);
}
