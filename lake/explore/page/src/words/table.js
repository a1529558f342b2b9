/** Numbers for people and their programs: tables and CSV. */

const CYCLES = ["cube", "band", "unit", "month", "tod", "count", "mean", "stddev", "min", "max"];

/** All that is known of some pixels; rows of each as of Store.series. */
export function cyclesCsv(key, pixels) {
  const head = ["key", "pixel", "row", "column", "lat", "lon", ...CYCLES];
  const lines = pixels.flatMap((pixel) =>
    pixel.rows.map((row) => [
      key, pixel.pixel, pixel.row, pixel.column, pixel.lat.toFixed(5), pixel.lon.toFixed(5),
      ...CYCLES.map((name) => plain(row[name])),
    ]),
  );
  return [head, ...lines].map((line) => line.join(",")).join("\r\n") + "\r\n";
}

/** What many pixels have in the mean; rows as of averages.js; words: what they are. */
export function averagesCsv(key, words, rows) {
  const names = ["cube", "band", "unit", "month", "tod", "pixels", "count", "mean", "spread"];
  const lines = rows.map((row) => [key, quoted(words), ...names.map((name) => plain(row[name]))]);
  return [["key", "of", ...names], ...lines].map((line) => line.join(",")).join("\r\n") + "\r\n";
}

/** The mean loops of many pixels, as of mean_loop.js: a row for each step; words: what the pixels are. */
export function loopsCsv(key, run, words, loops) {
  const numbers = Array.from({ length: loops[0].apart.length }, (_, k) => `number_${k + 1}`);
  const lines = loops.flatMap(({ over, plane, periods }) =>
    periods.flatMap(({ mean, pixels }, period) =>
      mean.map((vector, step) => [key, run, quoted(words), over, ["first", "second"][period], plane.names[step], pixels[step], ...vector.map(plain)])));
  return [["key", "run", "of", "over", "period", "step", "pixels", ...numbers], ...lines].map((line) => line.join(",")).join("\r\n") + "\r\n";
}

/** Pixels whose similarity is at least `lowest`; similarity(i) of pixel i, NaN: none. */
export function similarCsv(store, places, count, similarity, lowest) {
  const pixels = [...Array(count).keys()].filter((pixel) => similarity(pixel) >= lowest);
  return pixelsCsv(store, places, pixels, { similarity: (pixel) => similarity(pixel).toFixed(4) });
}

/** Where some pixels are, and more columns: name -> the text of a pixel. */
export function pixelsCsv(store, places, pixels, more = {}) {
  const lines = [["pixel,row,column,lat,lon", ...Object.keys(more)].join(",")];
  for (const pixel of pixels) {
    const [row, column] = [places.row[pixel], places.column[pixel]];
    const [lon, lat] = store.grid.lonlat(row + 0.5, column + 0.5);
    const texts = Object.values(more).map((text) => text(pixel));
    lines.push([pixel, row, column, lat.toFixed(5), lon.toFixed(5), ...texts].join(","));
  }
  return lines.join("\r\n") + "\r\n";
}

/** Let the browser keep a file. */
export function download(name, data, type = "text/csv") {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([data], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

/** A table of one month and time of day: a row for each pixel and band; pixels: { name, rows } at that time. */
export function numbers(pixels) {
  const head = ["pixel", "band", "mean", "stddev", "min", "max", "count"];
  const rows = pixels.flatMap(({ name, rows }) =>
    rows.map((row) => [name, `${row.band} (${row.unit})`, ...head.slice(2).map((key) => formatNumber(row[key]))]),
  );
  const table = document.createElement("table");
  const line = (cells, tag) => {
    const tr = table.insertRow();
    for (const cell of cells) {
      const node = document.createElement(tag);
      if (tag === "th") node.scope = "col";
      node.textContent = cell;
      tr.append(node);
    }
  };
  line(head, "th");
  for (const row of rows) line(row, "td");
  return table;
}

/** Four or five significant digits. */
export function formatNumber(value) {
  if (!Number.isFinite(value)) return "–";
  if (Number.isInteger(value)) return String(value);
  return Math.abs(value) >= 100 ? value.toFixed(2) : value.toPrecision(4);
}

/** "12.345° N, 81.456° W". */
export function degrees(lat, lon) {
  const side = (value, names) => `${Math.abs(value).toFixed(3)}° ${names[value < 0 ? 1 : 0]}`;
  return `${side(lat, "NS")}, ${side(lon, "EW")}`;
}

function quoted(text) {
  return `"${text.replaceAll('"', '""')}"`;
}

function plain(value) {
  if (typeof value !== "number") return value;
  return Number.isFinite(value) ? Number(value.toPrecision(7)) : "";
}
