/** The similarity of all pixels to one, painted: by its value or by rank, fainter below a threshold. */

import { ABSENT, Sheet, css, ramp, rgba } from "../drawing/colours.js";
import { pixelAt } from "../reading/detail.js";
import { cosine } from "../vectors/embedding.js";
import { LEVELS, NOTHING } from "../vectors/vectors.js";
import { formatNumber } from "../words/table.js";
import { LEAST } from "./legend.js";

const CIVIDIS = ramp("cividis");
const GROUND = rgba(...ABSENT);
const SCORES = 65536; // of int16
const FAINT = 0.75; // share of light grey in the colour of what is below the threshold
const LIGHT = 235;

/**
 * Paints scores, as of Embedding.search, of pixels as of pixels.js.
 *
 * Every click, and every move of the threshold, paints all pixels: into one image, by a table of all scores.
 */
export class Similar {
  constructor(pixels) {
    this.pixels = pixels;
    this.sheet = new Sheet(pixels.rows, pixels.columns);
    this.table = new Uint32Array(SCORES);
  }

  /** The layer; its `shade({ least, isRanked })` paints it anew. The legend keeps the scores, for a file of them. */
  layer(scores, pixelA) {
    const { pixels, sheet, table } = this;
    const value = (row, column) => {
      const pixel = pixelAt(pixels.store.grid, pixels.places, row, column);
      if (pixel < 0) return "";
      return scores[pixel] === NOTHING ? "no vector" : `similarity ${formatNumber(cosine(scores[pixel]))}`;
    };
    const greys = scores.includes(NOTHING) ? [{ colour: css(ABSENT), name: "no vector" }] : [];
    const title = `similarity to pixel A, ${pixelA} (cosine)`;
    const legend = { title, greys, ramp: CIVIDIS, scores, pixelA, isMarked: true };
    let lowest = -Infinity;
    const groups = [{
      name: "as similar as the legend says",
      words: () => `similar to pixel ${pixelA} by ${(lowest / LEVELS).toFixed(2)} or more`,
      has: (i) => scores[i] !== NOTHING && scores[i] >= lowest,
    }];
    const shade = ({ least, isRanked }) => {
      lowest = (least ?? LEAST) * LEVELS;
      const below = isRanked ? ranks(scores) : cosines;
      for (let i = 0; i < SCORES; i++) {
        const score = i - SCORES / 2;
        const colour = CIVIDIS[Math.round(255 * below(score))];
        table[i] = score === NOTHING ? GROUND : score < least * LEVELS ? faint(colour) : colour;
      }
      const [{ at }, { colours }] = [pixels, sheet];
      for (let i = 0; i < at.length; i++) colours[at[i]] = table[scores[i] + SCORES / 2];
      sheet.painted();
      const ranked = { limits: [0, 100], ends: ["", ""], unit: "%", note: "share of the pixels that are less similar" };
      Object.assign(legend, isRanked ? ranked : { limits: [0, 1], ends: ["≤ ", ""], unit: "", note: "" }, { isRanked });
    };
    const colour = (i) => table[scores[i] + SCORES / 2];
    const part = pixels.part([{ name: title, unit: "1" }], (i) => [cosine(scores[i])]);
    return { images: [{ canvas: sheet.canvas, ...pixels.box }], legend, value, part, colour, shade, groups };
  }
}

/** Share of the colours that a score takes by its value. */
function cosines(score) {
  return Math.max(0, Math.min(LEVELS, score)) / LEVELS;
}

/** A function: the share of all pixels with a vector that have a lower score. */
function ranks(scores) {
  const below = new Float64Array(SCORES);
  for (const score of scores) if (score !== NOTHING) below[score + SCORES / 2]++;
  let total = 0;
  below.forEach((count, i) => {
    below[i] = total;
    total += count;
  });
  return (score) => below[score + SCORES / 2] / Math.max(total, 1);
}

function faint(colour) {
  const mixed = [0, 8, 16].map((shift) => (1 - FAINT) * ((colour >>> shift) & 255) + FAINT * LIGHT);
  return rgba(...mixed.map(Math.round));
}
