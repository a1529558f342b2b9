/** Names that people can read, of stores, runs, days. */

import { MONTHS } from "../drawing/charts.js";

/** "2020 · GOES-16 · clearland-l1b-c0 · goes-conus-0" of a key. */
export function storeName(key) {
  const [sat, listing, period, geom] = key.split("/");
  const satellite = sat.replace(/^goes(\d+)$/, "GOES-$1");
  return [periodName(period), satellite, listing, geom.replace(/^geom-/, "")].join(" · ");
}

/** The same without the period: "GOES-16 · clearland-l1b-c0 · goes-conus-0". */
export function sourceName(key) {
  return storeName(key).split(" · ").slice(1).join(" · ");
}

/** The days that were asked for, of a key: "2018 to 2022", "Mar 2020 to May 2020", "3 Mar 2020 to 5 May 2020". */
export function periodName(period) {
  const [first, last] = period.split("_");
  const years = [first, last].map((day) => day.slice(0, 4));
  if (first.endsWith("0101") && last.endsWith("1231")) return [...new Set(years)].join(" to ");
  const isWhole = first.endsWith("01") && isLastOfMonth(last);
  if (!isWhole) return `${day(first)} to ${day(last)}`;
  const months = [first, last].map((text) => day(text).split(" ").slice(1).join(" "));
  return [...new Set(months)].join(" to ");
}

function isLastOfMonth(text) {
  const [year, month, number] = [text.slice(0, 4), text.slice(4, 6), text.slice(6)].map(Number);
  return number === new Date(Date.UTC(year, month, 0)).getUTCDate();
}

/** The days that are in a store: from its provenance; else the period that was asked for. */
export function daysOf(store) {
  const { days, key } = store;
  if (!days) return `asked for: ${periodName(key.split("/")[2])}`;
  const count = days.count === 1 ? "1 day" : `${days.count} days`;
  return days.count === 1 ? `${count}: ${day(days.first)}` : `${count}, ${day(days.first)} to ${day(days.last)}`;
}

/**
 * "embed, 64 numbers · seed=2 · 26 Nov 2026 · 1a2b3c" of a run: settings in which it differs from the others of its
 * job, when it was finished, the begin of its digest.
 */
export function runName(run, runs) {
  const others = runs.filter((other) => other.job === run.job && other.id !== run.id);
  const own = Object.entries(run.settings ?? {}).filter(([name, value]) =>
    others.some((other) => JSON.stringify(other.settings?.[name]) !== JSON.stringify(value)),
  );
  const job = run.numbers ? `${run.job}, ${run.numbers} numbers` : run.job;
  const settings = own.map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  const finished = day(run.finished.slice(0, 10).replaceAll("-", ""));
  return [job, settings.join(" "), finished, run.id.split("-").at(-1).slice(0, 6)].filter(Boolean).join(" · ");
}

/** "3 Jan 2020" of "20200103" or "2020-01-03". */
export function day(text) {
  const plain = text.replaceAll("-", "");
  return `${Number(plain.slice(6, 8))} ${MONTHS[Number(plain.slice(4, 6)) - 1]} ${plain.slice(0, 4)}`;
}
