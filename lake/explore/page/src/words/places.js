/** Places in words: coordinates, and names of towns, from one small file that lake/explore/make_places.py makes. */

import { LakeError } from "../reading/objects.js";

const FILE = "places.bin";
const MOST_HITS = 8;
const countries = new Intl.DisplayNames(["en"], { type: "region" });

/** { lat, lon } of "39.5, -98.5" or "39.5 N 98.5 W"; null: these are no coordinates. */
export function placeOf(text) {
  const number = "([-+]?\\d+(?:\\.\\d+)?)\\s*°?\\s*";
  const parts = text.trim().match(new RegExp(`^${number}([NS]?)[,;\\s]\\s*${number}([EW]?)$`, "i"));
  if (!parts) return null;
  const [lat, lon] = [[1, 2, "S"], [3, 4, "W"]].map(([value, side, negative]) => {
    const degrees = Number(parts[value]);
    return parts[side].toUpperCase() === negative ? -degrees : degrees;
  });
  return Math.abs(lat) <= 90 && Math.abs(lon) <= 180 ? { lat, lon } : null;
}

/** Towns by name, read when they are asked for first. */
export class Towns {
  /** The towns that a text may mean, { name, lat, lon }: whole names before begins, those before words; the largest first. */
  async search(text) {
    this.reading ??= read().catch((error) => {
      this.reading = undefined; // asked again, it may be there
      throw error;
    });
    const towns = await this.reading;
    const [name, ...rest] = text.split(",").map(plain);
    if (!name) return [];
    const within = rest.filter(Boolean);
    const [whole, begins, words] = [[], [], []];
    for (let i = 0; i < towns.plain.length; i++) {
      const town = towns.plain[i];
      const kind = town === name ? whole : town.startsWith(name) ? begins : town.includes(` ${name}`) ? words : undefined;
      if (kind && within.every((part) => towns.regions[i].some((region) => plain(region).startsWith(part)))) kind.push(i);
    }
    return [...whole, ...begins, ...words].slice(0, MOST_HITS).map((i) => ({
      name: [towns.names[i], ...towns.regions[i]].join(", "), lat: towns.lat[i] / 100, lon: towns.lon[i] / 100,
    }));
  }
}

async function read() {
  const response = await fetch(new URL(FILE, import.meta.url)).catch(() => undefined);
  if (!response?.ok) throw new LakeError(`The names of places cannot be read from ${FILE}`, "Give latitude and longitude, as 39.5, -98.5");
  const bytes = await new Response(response.body.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
  const length = new DataView(bytes).getUint32(0, true);
  const lines = new TextDecoder().decode(new Uint8Array(bytes, 4, length)).split("\n").map((line) => line.split("\t"));
  const degrees = new Int16Array(bytes.slice(4 + length));
  const names = lines.map(([name]) => name);
  const regions = lines.map(([, region]) => {
    const [country, state] = region.split(" ");
    return [...(state ? [state] : []), countries.of(country)];
  });
  return { names, regions, plain: names.map(plain), lat: degrees.subarray(0, lines.length), lon: degrees.subarray(lines.length) };
}

/** A name as it is compared: without case, accents and points; "Saint" is "St". */
function plain(text) {
  const letters = text.normalize("NFD").replace(/[\u0300-\u036f.'’]/g, "").toLowerCase();
  return letters.replace(/[-\s]+/g, " ").trim().replace(/\bsaint\b/g, "st");
}
