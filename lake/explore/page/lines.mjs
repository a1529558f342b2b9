// Coastlines and borders as one small file: int16, little-endian. For each line its kind (0 coast,
// 1 border of countries, 2 of states), its number of points, then their longitude and latitude in
// hundredths of a degree.
//
// Sources: Natural Earth 1:10m (public domain) by the npm package world-atlas; borders of the states of
// the USA from the Census Bureau (public domain) by us-atlas.

import { createRequire } from "node:module";

import { mesh } from "topojson-client";

const require = createRequire(import.meta.url);
const TOLERANCE = { 0: 0.015, 1: 0.015, 2: 0.015 }; // degrees that a line may be off
const LEAST = 0.15; // degrees that an island is long
const UNSEEN = [20, 150]; // between these longitudes the GOES imagers see nothing, about

export function lines() {
  const world = require("world-atlas/countries-10m.json");
  const states = require("us-atlas/states-10m.json");
  const found = [
    [0, mesh(world, world.objects.countries, (a, b) => a === b)],
    [1, mesh(world, world.objects.countries, (a, b) => a !== b)],
    [2, mesh(states, states.objects.states, (a, b) => a !== b)],
  ].flatMap(([kind, { coordinates }]) => coordinates.flatMap((line) => packed(kind, line)));
  return Buffer.from(Int16Array.from(found).buffer);
}

function packed(kind, line) {
  const [lons, lats] = [0, 1].map((k) => line.map((point) => point[k]));
  const [west, east] = [Math.min(...lons), Math.max(...lons)];
  const length = Math.max(east - west, Math.max(...lats) - Math.min(...lats));
  if ((west > UNSEEN[0] && east < UNSEEN[1]) || (kind === 0 && length < LEAST)) return [];
  const kept = simplified(line, TOLERANCE[kind]).map((point) => point.map((x) => Math.round(x * 100)));
  const differs = kept.filter((p, i) => i === 0 || p[0] !== kept[i - 1][0] || p[1] !== kept[i - 1][1]);
  return differs.length > 1 ? [kind, differs.length, ...differs.flat()] : [];
}

/** Douglas and Peucker, "Algorithms for the reduction of the number of points", Cartographica 10 (1973). */
function simplified(line, tolerance) {
  const keep = new Uint8Array(line.length);
  keep[0] = keep[line.length - 1] = 1;
  const waiting = [[0, line.length - 1]];
  while (waiting.length) {
    const [first, last] = waiting.pop();
    let worst = 0;
    let farthest = -1;
    for (let i = first + 1; i < last; i++) {
      const off = distance(line[i], line[first], line[last]);
      if (off > worst) [worst, farthest] = [off, i];
    }
    if (worst > tolerance) {
      keep[farthest] = 1;
      waiting.push([first, farthest], [farthest, last]);
    }
  }
  return line.filter((_, i) => keep[i]);
}

/** From a point to a stretch of line. */
function distance([x, y], [ax, ay], [bx, by]) {
  const square = (bx - ax) ** 2 + (by - ay) ** 2;
  const along = square ? Math.max(0, Math.min(1, ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / square)) : 0;
  return Math.hypot(x - ax - along * (bx - ax), y - ay - along * (by - ay));
}
