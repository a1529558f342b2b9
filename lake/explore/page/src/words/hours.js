/**
 * Hours of a day: UTC and local mean solar time, which is UTC plus longitude / 15 h, as lake/plot/cycles.py has it. The
 * equation of time is left out: the true sun is up to 16 minutes ahead or behind.
 */

const DAY = 86400;

/** What the page calls its clocks. */
export const CLOCKS = { utc: "UTC", solar: "local mean solar time" };

/** Whole seconds of the local mean solar day at a longitude in degrees, below 86400, of seconds of the UTC day. */
export function solar(tod, lon) {
  return (((tod + Math.round(240 * lon)) % DAY) + DAY) % DAY;
}

/** The smallest distance between two times of day, around midnight too; a day: there is one. */
export function stepOf(tods) {
  const sorted = [...new Set(tods)].sort((a, b) => a - b);
  return Math.min(...sorted.map((tod, i) => (i ? tod - sorted[i - 1] : tod + DAY - sorted.at(-1))));
}

/** How far a time of day may lie from a local hour that it is shown for; NaN: one alone has no step. */
export function reachOf(tods) {
  return new Set(tods).size > 1 ? stepOf(tods) / 2 : NaN;
}

/** The time of day that is nearest to a local solar hour at a longitude, of two the first; undefined: none is within reach. */
export function nearest(tods, local, lon) {
  const away = (tod) => Math.abs((((solar(tod, lon) - local + 1.5 * DAY) % DAY) + DAY) % DAY - DAY / 2);
  const best = tods.reduce((one, other) => (away(other) < away(one) ? other : one));
  return away(best) <= reachOf(tods) ? best : undefined;
}

/** A test for rows of a place, { cube, tod }: of the chosen time of day, or of each cube's nearest to the chosen local hour. */
export function isChosen(rows, { tod, local }, lon) {
  if (local === undefined) return (row) => row.tod === tod;
  const cubes = new Map();
  for (const row of rows) cubes.set(row.cube, (cubes.get(row.cube) ?? new Set()).add(row.tod));
  const chosen = new Map([...cubes].map(([cube, tods]) => [cube, nearest([...tods], local, lon)]));
  return (row) => row.tod === chosen.get(row.cube);
}
