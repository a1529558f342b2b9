/**
 * What is shown, as the part of the address behind `#`: a link shows the same to others.
 *
 * Subjects (store, generation, what is shown of it) say which map it is; `local` is one local mean solar hour of the
 * map, in seconds, in place of the time of day in UTC. The rest says how it is looked at:
 * `lat`, `lon` (or `row`, `column` where the middle lies beyond the limb) with `width` and `height`, the km
 * that must be visible; `low` and `high`, where the colours begin and end; `scale=log`, logarithmic colours; `least`, the threshold of
 * similarity; `ranked=1`, colours by rank; `a` and `b`, pixels. `versus` compares with a second slice, whose
 * subjects end in 2; `divider` is the share of the width that the first has in a swipe.
 * `loops=1` shows the loops of the pixels; `clock=solar` says local mean solar time.
 */

const text = { read: (value) => value, wanted: "a name" };
const number = (from, to, isWhole = false) => ({
  read: (value) => {
    const read = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(value) ? Number(value) : NaN;
    return read >= from && read <= to && (!isWhole || Number.isInteger(read)) ? read : undefined;
  },
  wanted: `a ${isWhole ? "whole " : ""}number${Math.max(-from, to) < 1e30 ? `, ${from} to ${to}` : ""}`,
});
const oneWord = (words) => ({
  read: (value) => (words.includes(value) ? value : undefined),
  wanted: `one of ${words.join(", ")}`,
});
const MOST = 1e30;

/** Names of the colours of statistics, those of Matplotlib; the first is the usual one. */
export const COLOURS = ["viridis", "cividis", "inferno", "gray"];

/** Statistics that are no less than 0, whose colours may be logarithmic. */
const LOGARITHMIC = ["count", "stddev"];

const PARAMETERS = {
  store: text, generation: text, show: text, cube: text, band: text,
  month: number(1, 12, true), tod: number(0, 86399, true), local: number(0, 86399, true), run: text, run2: text,
  versus: oneWord(["difference", "swipe"]),
  store2: text, generation2: text, show2: text, cube2: text, band2: text, month2: number(1, 12, true), tod2: number(0, 86399, true),
  lat: number(-90, 90), lon: number(-180, 180), row: number(-1e6, 1e6), column: number(-1e6, 1e6),
  width: number(1e-3, 1e6), height: number(1e-3, 1e6),
  clock: oneWord(["utc", "solar"]), map: oneWord(COLOURS), scale: oneWord(["log"]), ranked: number(1, 1, true),
  low: number(-MOST, MOST), high: number(-MOST, MOST), least: number(-1, 1),
  divider: number(0, 1), loops: number(1, 1, true), a: number(0, 2 ** 31 - 1, true), b: number(0, 2 ** 31 - 1, true),
};
const TOGETHER = [["lat", "lon"], ["row", "column"], ["width", "height"], ["low", "high"]];
const DIGITS = { lat: 5, lon: 5, row: 2, column: 2, least: 2, divider: 3 };

/** The names of the parameters that say how a map is looked at, not which. */
export const LOOK = [
  "lat", "lon", "row", "column", "width", "height", "clock", "map", "scale", "low", "high", "least", "ranked", "divider", "loops", "a", "b",
];
/** The subjects of the second slice. */
export const SECOND = ["store", "generation", "show", "cube", "band", "month", "tod"].map((name) => `${name}2`);
export const EXTENT = ["lat", "lon", "row", "column", "width", "height"];

/**
 * { state, wrong } of `#store=...&show=...`: what can be used, and a sentence on everything that cannot.
 *
 * Nothing is put in the place of what is wrong. A wrong subject stays in the state as NaN or as its text.
 */
export function parse(hash) {
  const [state, wrong] = [{}, []];
  for (const [name, value] of new URLSearchParams(hash.replace(/^#/, ""))) {
    const parameter = Object.hasOwn(PARAMETERS, name) ? PARAMETERS[name] : undefined;
    if (!parameter) {
      wrong.push(`${quoted(name)} is no parameter of this page`);
      continue;
    }
    const read = value === "" ? undefined : parameter.read(value);
    if (Object.hasOwn(state, name)) wrong.push(`${name} is given twice: the first one counts`);
    else if (read !== undefined) state[name] = read;
    else {
      wrong.push(`${name} is ${quoted(value)}: wanted ${parameter.wanted}`);
      if (!LOOK.includes(name)) state[name] = NaN;
    }
  }
  for (const [one, other] of TOGETHER) {
    if ((one in state) === (other in state)) continue;
    wrong.push(`${one in state ? one : other} stands without ${one in state ? other : one}`);
    delete state[one];
    delete state[other];
  }
  if ("low" in state && !(state.low < state.high)) {
    wrong.push(`low is ${state.low}, high is ${state.high}: wanted low below high`);
    delete state.low;
    delete state.high;
  }
  if (state.versus === "difference" && "low" in state && state.low !== -state.high) {
    wrong.push(`low is ${state.low}, high is ${state.high}: colours of a difference are centred at 0`);
    delete state.low;
    delete state.high;
  }
  if ("scale" in state && !canBeLog(state)) {
    wrong.push(`scale is 'log': wanted show=${LOGARITHMIC.join(" or show=")}, without a difference; other numbers can be 0 or less`);
    delete state.scale;
  }
  if ("scale" in state && state.low <= 0) {
    wrong.push(`low is ${state.low}: logarithmic colours begin above 0`);
    delete state.low;
    delete state.high;
  }
  const alone = [...SECOND, "divider"].filter((name) => name in state && !("versus" in state));
  if (alone.length) wrong.push(`${alone.join(", ")} stand${alone.length > 1 ? "" : "s"} without versus`);
  for (const name of alone) delete state[name];
  const isPlaced = "lat" in state || "row" in state;
  if (isPlaced !== "width" in state) {
    wrong.push(isPlaced ? "A place stands without width and height" : "width and height stand without a place");
    for (const name of EXTENT) delete state[name];
  }
  return { state, wrong };
}

/** What says which slice is shown: of one local hour in place of a time of day, where it is given. */
export function selected({ show, cube, month, tod, band, local }) {
  return local === undefined ? { show, cube, month, tod, band } : { show, cube, month, band, local };
}

/** Whether the colours of what is shown may be logarithmic. */
export function canBeLog({ show, versus, show2 }) {
  return versus !== "difference" && [show, ...(versus ? [show2 ?? show] : [])].every((each) => LOGARITHMIC.includes(each));
}

export function format(state) {
  const names = Object.keys(PARAMETERS).filter((name) => state[name] !== undefined && state[name] !== null);
  const written = (name) => {
    const value = state[name];
    if (typeof value !== "number") return value;
    return name in DIGITS ? Number(value.toFixed(DIGITS[name])) : Number(value.toPrecision(6));
  };
  const whole = new Set(["month", "tod", "local", "month2", "tod2", "a", "b"]);
  const pairs = names.map((name) => [name, whole.has(name) ? state[name] : written(name)]);
  return `#${new URLSearchParams(pairs).toString().replaceAll("%2F", "/")}`;
}

/** `value` if it is one of `offered`, else the first of those. */
export function oneOf(offered, value) {
  return offered.includes(value) ? value : offered[0];
}

function quoted(value) {
  return `'${value.length > 60 ? `${value.slice(0, 60)}…` : value}'`;
}
