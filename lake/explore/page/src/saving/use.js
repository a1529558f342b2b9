/** A view to use elsewhere: as a command, as lines of Python. */

import { degreesOf } from "../reading/grid.js";

/**
 * [west, south, east, north] in degrees of what is visible; null: all of the bounds is.
 *
 * visible, bounds: [first row, first column, last row, last column].
 */
export function boxOf(grid, visible, bounds) {
  const isAll = [0, 1].every((k) => visible[k] <= bounds[k]) && [2, 3].every((k) => visible[k] >= bounds[k]);
  if (isAll) return null;
  const [west, south, east, north] = degreesOf(grid, visible.map((at, k) => Math[k < 2 ? "max" : "min"](at, bounds[k])));
  const around = (lon) => ((((lon + 180) % 360) + 360) % 360) - 180;
  return [around(west), south, around(east), north].map((degrees) => Number(degrees.toFixed(4)));
}

/**
 * The `lake plot` command that draws what is on the map.
 *
 * view: { root: URL of the lake, undefined: the reader's LAKE_ROOT; path: of the generation below it; selection;
 * limits; map: name of the colours; isLog: whether they are logarithmic; box; run: of what was learnt, undefined: a statistic; minus: the selection that
 * is subtracted, undefined: none is; minusPath: of its generation, undefined: the same }.
 */
export function command({ root, path, selection, limits, map, isLog, box, run, minus, minusPath }) {
  const at = root ?? "$LAKE_ROOT";
  const place = box ? [`--bbox ${box.join(" ")}`] : [];
  if (run) {
    // colours are stretched over what is drawn, those of classes are not
    const part = selection.show === "classes" ? place : [];
    return [`lake plot run ${run} --lake "${at}"`, ...part, "--out view.png"].join(" ");
  }
  const { show, cube, band, month, tod } = selection;
  const options = [`--statistic ${show}`, `--cube ${cube}`, `--band ${band}`, `--month ${month}`, `--tod ${tod}`];
  const colours = [`--cmap ${map}`, ...(limits ? [`--vmin ${limits[0]}`, `--vmax ${limits[1]}`] : []), ...(isLog ? ["--log"] : [])];
  const subtracted = minus ? ["cube", "band", "month", "tod"].map((name) => `--minus ${name}=${minus[name]}`) : [];
  if (minusPath) subtracted.push(`--minus "store=${at}/${minusPath}"`);
  return [`lake plot map "${at}/${path}"`, ...options, ...subtracted, ...colours, ...place, "--out view.png"].join(" ");
}

/** Lines of Python that draw the same; view as of `command`, of a statistic. */
export function python({ root, path, selection, limits, map, isLog, box, minus, minusPath }) {
  const url = (of) => (root ? JSON.stringify(`${root}/${of}`) : `os.environ["LAKE_ROOT"] + ${JSON.stringify(`/${of}`)}`);
  const layer = ({ show, cube, band, month, tod }) =>
    `plot.Layer(${JSON.stringify(show)}, month=${month}, tod=${tod}, band=${JSON.stringify(band)}, cube=${JSON.stringify(cube)})`;
  const second = minusPath ? ", minus_store=second" : "";
  const look = [
    `cmap=${JSON.stringify(map)}`,
    ...(limits ? [`vmin=${limits[0]}`, `vmax=${limits[1]}`] : []),
    ...(isLog ? ["log=True"] : []),
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
