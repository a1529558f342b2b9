/** What is shown, as the part of the address behind `#`: a link shows the same to others. */

const NUMBERS = new Set(["month", "tod", "row", "column", "zoom", "a", "b"]);
const ORDER = ["store", "show", "cube", "band", "month", "tod", "run", "row", "column", "zoom", "a", "b"];

/** The state in `#store=...&show=...`; what is no number where one is wanted is left out. */
export function parse(hash) {
  const state = {};
  for (const [name, text] of new URLSearchParams(hash.replace(/^#/, ""))) {
    const value = NUMBERS.has(name) ? Number(text) : text;
    if (ORDER.includes(name) && text !== "" && !Number.isNaN(value)) state[name] = value;
  }
  return state;
}

export function format(state) {
  const names = ORDER.filter((name) => state[name] !== undefined && state[name] !== null);
  const text = (name) => {
    const value = state[name];
    if (name === "zoom") return Number(value.toPrecision(4));
    return typeof value === "number" ? Number(value.toFixed(2)) : value;
  };
  return `#${new URLSearchParams(names.map((name) => [name, text(name)])).toString().replaceAll("%2F", "/")}`;
}

/** `value` if it is one of `offered`, else the first of those. */
export function oneOf(offered, value) {
  return offered.includes(value) ? value : offered[0];
}
