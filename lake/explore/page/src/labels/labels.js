/** Labels that people give to pixels: classes with names, the class of each labelled pixel, and the way back. */

import { LakeError } from "../reading/objects.js";

/** Those of lake/reading/classes.py. */
const COLOURS = (
  "332288 117733 ddcc77 cc6677 88ccee 552449 aa61db 6d6192 aa8600 f3b631 611824 9e180c " +
  "aadbaa e75555 864961 49316d 7992aa db92ff 24559e 6d0000 4992c2 49c279 e79249 aa550c"
).split(" ");
const MOST = 100;
const MOST_REMEMBERED = 2e6; // labels of all steps that can be undone

export class Labels {
  constructor() {
    this.classes = []; // { number, name, colour }
    this.of = new Map(); // pixel -> number of its class
    this.past = [];
  }

  get isEmpty() {
    return this.of.size === 0;
  }

  /** Add a class; its number. */
  add(name) {
    const number = this.classes.length;
    if (number === MOST) throw new LakeError(`There are ${MOST} classes already`, "Use fewer");
    this.#remember();
    this.classes = [...this.classes, { number, name, colour: `#${COLOURS[number % COLOURS.length]}` }];
    return number;
  }

  rename(number, name) {
    this.#remember();
    this.classes = this.classes.map((each) => (each.number === number ? { ...each, name } : each));
  }

  /** Give pixels a class; those that all have it already lose it. */
  give(pixels, number) {
    this.#remember();
    const isTaken = pixels.every((pixel) => this.of.get(pixel) === number);
    this.of = new Map(this.of);
    for (const pixel of pixels) {
      if (isTaken) this.of.delete(pixel);
      else this.of.set(pixel, number);
    }
  }

  /** Go back by one step; false: there is none. */
  undo() {
    if (!this.past.length) return false;
    [this.classes, this.of] = this.past.pop();
    return true;
  }

  count(number) {
    let total = 0;
    for (const other of this.of.values()) if (other === number) total++;
    return total;
  }

  /** [[pixel, number]] of at most `most` labels, evenly over classes: small classes whole, large ones in part. */
  drawn(most) {
    const byClass = new Map(this.classes.map(({ number }) => [number, []]));
    for (const [pixel, number] of this.of) byClass.get(number).push(pixel);
    const groups = [...byClass].filter(([, pixels]) => pixels.length).sort((a, b) => a[1].length - b[1].length);
    let left = most;
    return groups.flatMap(([number, pixels], n) => {
      const count = Math.min(pixels.length, Math.floor(left / (groups.length - n)));
      left -= count;
      return Array.from({ length: count }, (_, i) => [pixels[Math.floor((i * pixels.length) / count)], number]);
    });
  }

  /** The file that 'lake classify' and 'lake evaluate' take as labels: a point in each labelled pixel. */
  csv(lonlat) {
    const lines = ["lon,lat,label"];
    for (const [pixel, number] of this.of) {
      const [lon, lat] = lonlat(pixel);
      lines.push(`${lon.toFixed(5)},${lat.toFixed(5)},${quoted(this.classes[number].name)}`);
    }
    return lines.join("\r\n") + "\r\n";
  }

  /**
   * Take the labels of such a file beside those that are there: { read, outside }, numbers of its rows.
   *
   * pixelOf(lon, lat): below 0 where no pixel lies.
   */
  read(text, pixelOf) {
    const [head, ...rows] = parseCsv(text);
    const [lon, lat, label] = ["lon", "lat", "label"].map((name) => head?.indexOf(name) ?? -1);
    if (Math.min(lon, lat, label) < 0) {
      throw new LakeError("The file has no columns lon, lat and label", "Wanted what 'Save labels' writes");
    }
    const points = rows.map((row) => ({ pixel: pixelOf(Number(row[lon]), Number(row[lat])), name: row[label] }));
    const inside = points.filter(({ pixel, name }) => pixel >= 0 && name);
    this.take(inside.map(({ pixel, name }) => [pixel, name]));
    return { read: inside.length, outside: points.length - inside.length };
  }

  /** Give pixels classes by their names, [[pixel, name]], in one step; names: new classes, in their order. */
  take(pairs, names = [...new Set(pairs.map(([, name]) => name))]) {
    const numbers = new Map(this.classes.map(({ number, name }) => [name, number]));
    const added = names.filter((name) => !numbers.has(name));
    if (numbers.size + added.length > MOST) throw new LakeError(`The file has ${names.length} classes`, `Use at most ${MOST}`);
    this.#remember();
    const depth = this.past.length;
    for (const name of added) numbers.set(name, this.add(name));
    this.of = new Map(this.of);
    for (const [pixel, name] of pairs) this.of.set(pixel, numbers.get(name));
    this.past.length = depth; // one step back takes all of it away
  }

  #remember() {
    this.past.push([this.classes, this.of]);
    let remembered = this.past.reduce((sum, [, of]) => sum + of.size, 0);
    while (this.past.length > 1 && remembered > MOST_REMEMBERED) remembered -= this.past.shift()[1].size;
  }
}

function quoted(text) {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Rows of fields; fields in quotes may hold commas, line ends and doubled quotes (RFC 4180). */
export function parseCsv(text) {
  const rows = [[]];
  const field = /(?:"((?:[^"]|"")*)"|([^,\r\n]*))(,|\r\n|\n|$)/y;
  const source = text.replace(/^\uFEFF/, "").replace(/\r?\n$/, "");
  while (field.lastIndex <= source.length) {
    const match = field.exec(source);
    if (!match) throw new LakeError("The file is no CSV: a quote is not closed", "Save it anew");
    rows.at(-1).push(match[1]?.replaceAll('""', '"') ?? match[2]);
    if (match[3] === "") break;
    if (match[3] !== ",") rows.push([]);
  }
  return rows;
}
