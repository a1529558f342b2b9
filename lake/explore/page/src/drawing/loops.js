/** Charts of loops as SVG: where vectors go in a plane, step by step. */

import { DASHES, SIZE, element, formatTick, text, ticks } from "./charts.js";
import { bandColour } from "./colours.js";

const HEIGHT = 300;
const GREY = "#7a7a7a";

/**
 * A chart of loops.
 *
 * lines: [{ name, periods: [[x, y] of each step, NaN: not observed] of both periods, around: likewise of the mean }];
 * words: { title, names: of the steps, across, up, isClosed: whether the first step follows the last }.
 */
export function loopChart(lines, { title, names, across, up, isClosed }) {
  const { width, left } = SIZE;
  const [top, right, bottom] = [32, 12, 36];
  const places = lines.flatMap(({ periods, around }) => [...periods.flat(), ...around]).filter(isPlace);
  const ranges = [0, 1].map((axis) => ticks(Math.min(...places.map((place) => place[axis])), Math.max(...places.map((place) => place[axis]))));
  const [[west, east, stepX], [south, north, stepY]] = ranges;
  const x = (value) => left + ((value - west) / (east - west)) * (width - left - right);
  const y = (value) => HEIGHT - bottom - ((value - south) / (north - south)) * (HEIGHT - top - bottom);
  const svg = element("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", class: "chart" });
  svg.setAttribute("aria-label", `${title}: ${up} against ${across}, of ${lines.map(({ name }) => `pixel ${name}`).join(" and ")}`);
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
    svg.append(path(around, { stroke: GREY, "stroke-width": 1.2, "stroke-dasharray": DASHES[name] ?? "" }));
    svg.append(path(periods[1], { stroke, "stroke-width": 1.2, "stroke-opacity": 0.7, "stroke-dasharray": "4 3" }));
    svg.append(path(periods[0], { stroke, "stroke-width": 1.8 }));
    periods[0].forEach((place, step) => {
      if (!isPlace(place)) return;
      svg.append(element("circle", { cx: x(place[0]).toFixed(1), cy: y(place[1]).toFixed(1), r: 2.4, fill: stroke }));
      svg.append(text(x(place[0]) + 4, y(place[1]) - 3, step ? names[step] : `${name} ${names[step]}`, "start", "band"));
    });
  });
  return svg;
}

function isPlace([x, y]) {
  return Number.isFinite(x) && Number.isFinite(y);
}
