/** A view to use elsewhere: as a command, as lines of Python, as a picture; and places in words. */

import { css } from "./colours.js";

const STEPS = 40; // points along an edge by which degrees are found
const [WIDTH, LINE, EDGE] = [420, 19, 12]; // of the legend in a picture, screen pixels

/**
 * [west, south, east, north] in degrees of what is visible; null: all of the bounds is.
 *
 * visible, bounds: [first row, first column, last row, last column].
 */
export function boxOf(grid, visible, bounds) {
  const isAll = [0, 1].every((k) => visible[k] <= bounds[k]) && [2, 3].every((k) => visible[k] >= bounds[k]);
  if (isAll) return null;
  const [top, left, bottom, right] = visible.map((at, k) => Math[k < 2 ? "max" : "min"](at, bounds[k]));
  const origin = grid.projection.longitude_of_projection_origin;
  let [west, south, east, north] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i <= STEPS; i++) for (let k = 0; k <= STEPS; k++) {
    const place = grid.lonlat(top + ((bottom - top) * i) / STEPS, left + ((right - left) * k) / STEPS);
    if (!place) continue;
    const lon = ((((place[0] - origin + 180) % 360) + 360) % 360) - 180; // not cut where the satellite looks
    [west, east] = [Math.min(west, lon), Math.max(east, lon)];
    [south, north] = [Math.min(south, place[1]), Math.max(north, place[1])];
  }
  const around = (lon) => ((((lon + origin + 180) % 360) + 360) % 360) - 180;
  return [around(west), south, around(east), north].map((degrees) => Number(degrees.toFixed(4)));
}

/**
 * The `lake plot` command that draws what is on the map.
 *
 * view: { root: URL of the lake, undefined: the reader's LAKE_ROOT; path: of the generation below it; selection;
 * limits; map: name of the colours; box; run: of what was learnt, undefined: a statistic; minus: the selection that
 * is subtracted, undefined: none is; minusPath: of its generation, undefined: the same }.
 */
export function command({ root, path, selection, limits, map, box, run, minus, minusPath }) {
  const at = root ?? "$LAKE_ROOT";
  const place = box ? [`--bbox ${box.join(" ")}`] : [];
  if (run) {
    // colours are stretched over what is drawn, those of classes are not
    const part = selection.show === "classes" ? place : [];
    return [`lake plot run ${run} --lake "${at}"`, ...part, "--out view.png"].join(" ");
  }
  const { show, cube, band, month, tod } = selection;
  const options = [`--statistic ${show}`, `--cube ${cube}`, `--band ${band}`, `--month ${month}`, `--tod ${tod}`];
  const colours = [`--cmap ${map}`, ...(limits ? [`--vmin ${limits[0]}`, `--vmax ${limits[1]}`] : [])];
  const subtracted = minus ? ["cube", "band", "month", "tod"].map((name) => `--minus ${name}=${minus[name]}`) : [];
  if (minusPath) subtracted.push(`--minus "store=${at}/${minusPath}"`);
  return [`lake plot map "${at}/${path}"`, ...options, ...subtracted, ...colours, ...place, "--out view.png"].join(" ");
}

/** Lines of Python that draw the same; view as of `command`, of a statistic. */
export function python({ root, path, selection, limits, map, box, minus, minusPath }) {
  const url = (of) => (root ? JSON.stringify(`${root}/${of}`) : `os.environ["LAKE_ROOT"] + ${JSON.stringify(`/${of}`)}`);
  const layer = ({ show, cube, band, month, tod }) =>
    `plot.Layer(${JSON.stringify(show)}, month=${month}, tod=${tod}, band=${JSON.stringify(band)}, cube=${JSON.stringify(cube)})`;
  const second = minusPath ? ", minus_store=second" : "";
  const look = [
    `cmap=${JSON.stringify(map)}`,
    ...(limits ? [`vmin=${limits[0]}`, `vmax=${limits[1]}`] : []),
    ...(box ? [`bbox=(${box.join(", ")})`] : []),
  ];
  return [
    ...(root ? [] : ["import os", ""]),
    "import lake",
    "from lake import plot",
    "",
    `store = lake.open(${url(path)})`,
    ...(minusPath ? [`second = lake.open(${url(minusPath)})`] : []),
    `layer = ${layer(selection)}`,
    ...(minus ? [`minus = ${layer(minus)}`] : []),
    `figure = plot.field(store, layer, plot.Look(${look.join(", ")})${minus ? `, minus=minus${second}` : ""})`,
    'figure.savefig("view.png")',
    "",
  ].join("\n");
}

/** { lat, lon } of "39.5, -98.5" or "39.5 N 98.5 W"; null: it is no place. */
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

/** A PNG file of the map with its legend below it, as a Blob; lines: what stands under the title. */
export function picture(map, background, legend, lines) {
  const dots = map.width / map.clientWidth;
  const entries = [...(legend.items ?? []), ...(legend.greys ?? [])];
  const texts = [...lines, ...(legend.note ? [legend.note] : [])];
  const height = LINE * (1 + texts.length + (legend.ramp ? 2.2 : 0) + entries.length) + 2 * EDGE;
  const sheet = Object.assign(document.createElement("canvas"), { width: map.width, height: map.height + height * dots });
  const context = sheet.getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, sheet.width, sheet.height);
  context.fillStyle = background;
  context.fillRect(0, 0, map.width, map.height);
  context.drawImage(map, 0, 0);
  context.setTransform(dots, 0, 0, dots, 0, map.height);
  let y = EDGE + LINE / 2;
  const write = (text, x, font = "13px system-ui, sans-serif", align = "left") => {
    Object.assign(context, { fillStyle: "#1c2126", font, textAlign: align, textBaseline: "middle" });
    context.fillText(text, x, y);
  };
  write(legend.title, EDGE, "bold 14px system-ui, sans-serif");
  for (const text of texts) {
    y += LINE;
    write(text, EDGE);
  }
  if (legend.ramp) {
    y += LINE;
    const width = Math.min(WIDTH, map.clientWidth - 2 * EDGE);
    legend.ramp.forEach((colour, i) => {
      context.fillStyle = css([colour & 255, (colour >> 8) & 255, (colour >> 16) & 255]);
      context.fillRect(EDGE + (i * width) / legend.ramp.length, y - 7, width / legend.ramp.length + 1, 14);
    });
    y += LINE * 1.2;
    const [low, high] = legend.limits.map((limit) => Number(limit.toPrecision(5)));
    write(legend.ends[0] + low, EDGE);
    write(legend.ends[1] + high, EDGE + width, undefined, "right");
  }
  for (const { colour, name, share } of entries) {
    y += LINE;
    context.fillStyle = colour;
    context.fillRect(EDGE, y - 6, 12, 12);
    write(share ? `${name}, ${share}` : name, EDGE + 20);
  }
  return new Promise((resolve) => sheet.toBlob(resolve, "image/png"));
}
