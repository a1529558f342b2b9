/** Lines of whole longitudes and latitudes, as lake/plot/graticule.py has them. */

const STEPS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 20, 30]; // possible distances, degrees
const MOST = 7; // lines in one direction
const POINTS = 200; // of a line

/**
 * [{ name, isParallel, points: [row, column], null where the satellite does not see them }] within degrees.
 *
 * degrees: [west, south, east, north], east above west.
 */
export function graticule(grid, [west, south, east, north]) {
  const along = (from, to, place) => Array.from({ length: POINTS + 1 }, (_, i) => place(from + ((to - from) * i) / POINTS));
  const meridians = whole(west, east).map((lon) => ({
    name: named(around(lon), "EW"), isParallel: false, points: along(south, north, (lat) => grid.place(lon, lat)),
  }));
  const parallels = whole(south, north).map((lat) => ({
    name: named(lat, "NS"), isParallel: true, points: along(west, east, (lon) => grid.place(lon, lat)),
  }));
  return [...meridians, ...parallels];
}

function whole(low, high) {
  const step = STEPS.find((each) => (high - low) / each <= MOST) ?? STEPS.at(-1);
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.max(0, Math.floor(high / step) - first + 1) }, (_, i) => (first + i) * step);
}

function around(lon) {
  return ((((lon + 180) % 360) + 360) % 360) - 180;
}

/** "75° W", "0.5° N", "0°". */
function named(value, sides) {
  const number = Number(Math.abs(value).toFixed(2));
  return number === 0 || number === 180 ? `${number}°` : `${number}° ${sides[value < 0 ? 1 : 0]}`;
}
