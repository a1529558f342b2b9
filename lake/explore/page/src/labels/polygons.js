/**
 * Labels from polygons of GeoJSON (RFC 7946): a pixel has the label of the polygon that holds its centre, as
 * jobs/features/label_polygons.py has it. Longitudes are taken modulo 360, for each polygon by itself.
 */

import { LakeError } from "../reading/objects.js";

const CELL_DEG = 1; // of the table by which pixels near a polygon are found

/** The text of GeoJSON in an encoding that its first bytes name, else UTF-8. */
export function decoded(bytes) {
  const encoding = { "255,254": "utf-16le", "254,255": "utf-16be" }[bytes.slice(0, 2).join()] ?? "utf-8";
  return new TextDecoder(encoding).decode(bytes);
}

/**
 * { pairs: [[pixel, name of its class]], names, outside, contested }: also how many pixels lie in no labelled
 * polygon, and in those of different labels, of which the first is taken.
 *
 * file: its name; attribute: the one that holds the class; lonlat(pixel): of its centre, of `count` pixels.
 */
export function polygonLabels(text, { file, attribute, lonlat, count }) {
  const features = featuresOf(text, file);
  const labels = labelsOf(features, file, attribute);
  const table = new Table(lonlat, count);
  const [of, contested] = [new Map(), new Set()];
  features.forEach(({ geometry }, n) => {
    if (labels[n] === null || !geometry) return;
    for (const rings of polygonsOf(geometry, file)) {
      table.inside(rings, (pixel) => {
        if (!of.has(pixel)) of.set(pixel, labels[n]);
        else if (of.get(pixel) !== labels[n]) contested.add(pixel);
      });
    }
  });
  if (!of.size) throw new LakeError(`No pixel lies in a labelled polygon of ${file}`, "Give polygons of this land, in degrees");
  return { pairs: [...of], names: [...new Set(labels.filter((label) => label !== null))].sort(inOrder), outside: count - of.size, contested: contested.size };
}

/** Features, { geometry, properties }. */
function featuresOf(text, file) {
  let region;
  try {
    region = JSON.parse(text);
  } catch (error) {
    throw new LakeError(`${file} is no GeoJSON (${error.message})`, "Save it anew");
  }
  const features = region?.type === "FeatureCollection" ? region.features : [region];
  const isSound = Array.isArray(features) && features.length && features.every((feature) => feature?.type === "Feature");
  if (!isSound) throw new LakeError(`${file} holds no features of GeoJSON`, "Wanted polygons with an attribute");
  return features;
}

/** The label of each feature as text; null: none. */
function labelsOf(features, file, attribute) {
  const attributes = features.map(({ properties }) => properties ?? {});
  if (!attributes.some((each) => Object.hasOwn(each, attribute))) {
    const names = [...new Set(attributes.flatMap(Object.keys))].sort().join(", ") || "none";
    throw new LakeError(`The polygons of ${file} have no attribute '${attribute}': they have ${names}`, "Name one of them");
  }
  const values = attributes.map((each) => each[attribute] ?? null);
  const isNumber = values.every((value) => value === null || Number.isInteger(value));
  if (!isNumber && values.some((value) => typeof value === "number" && !Number.isInteger(value))) {
    throw new LakeError(`Attribute '${attribute}' of ${file} holds fractions`, "Wanted whole numbers or text");
  }
  return values.map((value) => (value === null || (isNumber && value < 0) ? null : String(value)));
}

/** Numbers by size, text by the alphabet. */
function inOrder(one, other) {
  return Number(one) - Number(other) || (one < other ? -1 : Number(one > other));
}

/** The rings of every polygon of a geometry, the outer one first. */
function polygonsOf(geometry, file) {
  const { type, coordinates, geometries } = geometry;
  if (type === "GeometryCollection") return geometries.flatMap((part) => polygonsOf(part, file));
  if (type !== "Polygon" && type !== "MultiPolygon") throw new LakeError(`${file} holds a ${type}`, "Wanted polygons");
  const polygons = type === "Polygon" ? [coordinates] : coordinates;
  for (const ring of polygons.flat()) {
    const isRing = Array.isArray(ring) && ring.length >= 3 && ring.every(([lon, lat]) => Number.isFinite(lon) && Math.abs(lat) <= 90);
    if (!isRing) throw new LakeError(`${file} holds a ring that is none on the globe`, "Wanted three places or more, in degrees of longitude and latitude");
  }
  return polygons.filter((rings) => rings.length);
}

/** Where pixels lie, by cells of a degree. */
class Table {
  constructor(lonlat, count) {
    this.lon = new Float64Array(count);
    this.lat = new Float64Array(count);
    this.cells = new Map();
    for (let pixel = 0; pixel < count; pixel++) {
      [this.lon[pixel], this.lat[pixel]] = lonlat(pixel);
      const name = cell(this.lon[pixel], this.lat[pixel]);
      if (!this.cells.has(name)) this.cells.set(name, []);
      this.cells.get(name).push(pixel);
    }
  }

  /** Calls take(pixel) for the pixels in a polygon. */
  inside(rings, take) {
    const [outer, ...holes] = rings;
    const [west, east] = ends(outer.map(([lon]) => lon));
    const [south, north] = ends(outer.map(([, lat]) => lat));
    const turned = holes.map((hole) => {
      const turns = 360 * Math.ceil((west - ends(hole.map(([lon]) => lon))[0]) / 360);
      return hole.map(([lon, lat]) => [lon + turns, lat]);
    });
    for (let lat = Math.floor(south / CELL_DEG) * CELL_DEG; lat <= north; lat += CELL_DEG) {
      const last = Math.min(east, west + 360 - CELL_DEG);
      for (let lon = Math.floor(west / CELL_DEG) * CELL_DEG; lon <= last; lon += CELL_DEG) {
        for (const pixel of this.cells.get(cell(lon, lat)) ?? []) {
          const x = ((((this.lon[pixel] - west) % 360) + 360) % 360) + west;
          if (isIn([outer, ...turned], x, this.lat[pixel])) take(pixel);
        }
      }
    }
  }
}

function cell(lon, lat) {
  return Math.floor(((((lon + 180) % 360) + 360) % 360) / CELL_DEG) * 1000 + Math.floor((lat + 90) / CELL_DEG);
}

function ends(values) {
  return values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);
}

/** Whether a line from a point crosses the rings an odd number of times. */
function isIn(rings, x, y) {
  let isInside = false;
  for (const ring of rings) {
    for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
      const [[x1, y1], [x2, y2]] = [ring[i], ring[j]];
      if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) isInside = !isInside;
    }
  }
  return isInside;
}
