/** Colour maps that colour-blind people can read, and the colours of lines. */

const LEVELS = 256;

// 24 colours each, at even steps, from Matplotlib's tables (CC0); between them linear
const RAMPS = {
  viridis:
    "440154471164482071472e7c443b843f48893a548c34608d2f6c8e2a768e26818e228b8d1f958b1fa08824aa832fb47c42be7158c76570cf578bd646a8db34c5e021e2e418fde725",
  cividis:
    "00224e002a610031711c396f2d416d3a486c45506c50576c5b606e6568706e6f73777777817f788c8878969077a19975ada272b9ab6dc4b468d0be62dcc859e8d24ff5dc41fee838",
  inferno:
    "000003050418120a32220b4c350960480b6a5a116d6b176e7e1e6c902468a12b61b23259c23b4fd14643de5337e9622af2751af8880cfb9d06fbb116f9c72ff4dc4ff1f079fcfea4",
  gray:
    "0000000b0b0b1616162020202c2c2c3737374141414d4d4d5959596464646f6f6f7979798585859090909b9b9ba6a6a6b2b2b2bdbdbdc8c8c8d3d3d3dededee9e9e9f3f3f3ffffff",
};

/** Of differences, centred at 0: Matplotlib's RdBu_r, as `lake plot map --minus` has it. */
export const DIVERGING = "RdBu_r";
RAMPS[DIVERGING] =
  "0530611147811d5fa22b73b33a87bd4f9bc771b0d393c6deb1d5e7cce2efdeebf2eff3f5f8f1edfbe5d8fcd7c2f8bfa4f4a683e8896cdb6b55cc4c44bd2d35a81529870a2467001f";

// those of the palette of classes (lake/reading/classes.py) that stand out on white
const LINES = "332288 117733 cc6677 aa8600 552449 aa61db 24559e 9e180c 864961 6d6192".split(" ");

/** Of a pixel of the store without a value: never observed, observed too rarely, at no time near a local hour, not read yet. */
export const ABSENT = [168, 168, 168];
export const FEW = [104, 104, 104];
export const LATE = [140, 132, 126];
export const UNREAD = [218, 218, 218];
/** Of a value that has no logarithm, on a map of logarithms. */
export const BELOW = [12, 12, 12];

/** 256 colours of a colour map as little-endian RGBA. */
export function ramp(name) {
  const anchors = RAMPS[name].match(/.{6}/g).map(rgb);
  return Uint32Array.from({ length: LEVELS }, (_, level) => {
    const place = (level / (LEVELS - 1)) * (anchors.length - 1);
    const i = Math.min(Math.floor(place), anchors.length - 2);
    return rgba(...anchors[i].map((a, k) => Math.round(a + (place - i) * (anchors[i + 1][k] - a))));
  });
}

/** Colours by the name of their map. */
export const COLOUR_MAPS = Object.fromEntries(Object.keys(RAMPS).map((name) => [name, ramp(name)]));

/** Red, green, blue 0..255 as one little-endian number. */
export function rgba(red, green, blue) {
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

/** [red, green, blue] of "#rrggbb". */
export function parsed(colour) {
  return rgb(colour.slice(1));
}

/** Colour of the line of a band, for CSS. */
export function bandColour(number) {
  return `#${LINES[number % LINES.length]}`;
}

export function css([red, green, blue]) {
  return `rgb(${red} ${green} ${blue})`;
}

/** A function that gives the colour of a value, 0 (transparent) for NaN; isLog: what has no logarithm is `BELOW`. */
export function scale(colours, limits, isLog = false) {
  const [from, to] = isLog ? limits.map(Math.log) : limits;
  const step = (LEVELS - 1) / (to - from);
  const place = (value) => colours[Math.max(0, Math.min(LEVELS - 1, Math.round((value - from) * step)))];
  const below = rgba(...BELOW);
  if (isLog) return (value) => (Number.isNaN(value) ? 0 : value > 0 ? place(Math.log(value)) : below);
  return (value) => (Number.isNaN(value) ? 0 : place(value));
}

/**
 * Columns of numbers stretched to 0..1 between their 2nd and 98th percentiles, as lake/plot/colours.py does.
 *
 * values: (pixel, 3), a NaN among the three: no value. Returns Float32Array (pixel, 3), NaN thrice there; a
 * constant column is 0.5.
 */
export function stretch(values, percent = [2, 98]) {
  const stretched = new Float32Array(values.length).fill(NaN);
  const present = [];
  for (let i = 0; i < values.length; i += 3) {
    if (Number.isFinite(values[i] + values[i + 1] + values[i + 2])) present.push(i);
  }
  if (!present.length) return stretched;
  for (let k = 0; k < 3; k++) {
    const column = Float64Array.from(present, (i) => values[i + k]).sort();
    const [low, high] = percent.map((share) => percentile(column, share));
    const scaled = high > low ? (x) => (x - low) / (high - low) : (x) => x - low + 0.5;
    for (const i of present) stretched[i + k] = Math.max(0, Math.min(1, scaled(values[i + k])));
  }
  return stretched;
}

/** A percentile of rising numbers, linear between two of them. */
function percentile(sorted, percent) {
  const place = (percent / 100) * (sorted.length - 1);
  const below = Math.floor(place);
  const next = sorted[Math.min(below + 1, sorted.length - 1)];
  return sorted[below] + (place - below) * (next - sorted[below]);
}

/** A canvas that is painted again and again; `colours`: its pixels, row-major. */
export class Sheet {
  constructor(rows, columns) {
    this.canvas = document.createElement("canvas");
    [this.canvas.width, this.canvas.height] = [columns, rows];
    this.data = new ImageData(columns, rows);
    this.colours = new Uint32Array(this.data.data.buffer);
  }

  /** The canvas with these colours. */
  painted() {
    this.canvas.getContext("2d").putImageData(this.data, 0, 0);
    return this.canvas;
  }
}

/** A canvas of colours, row-major. */
export function canvas(colours, rows, columns) {
  const sheet = new Sheet(rows, columns);
  sheet.colours.set(colours);
  return sheet.painted();
}

function rgb(hex) {
  return [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16));
}
