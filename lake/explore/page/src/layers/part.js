/**
 * The numbers of a part of the map, as rows and columns: what a file of the view holds.
 *
 * A box is [first row, first column, row after the last, column after the last], in whole pixels. A part is
 * { bands: [{ name, unit, values }], rows, columns, row, column, size }, as geotiff.js takes it.
 */

/** Cells of a coarse map. */
export function ofCells({ values, rows, columns, factor }, box, band) {
  const [top, left] = box.slice(0, 2).map((at) => Math.floor(at / factor));
  const bottom = Math.min(rows, Math.ceil(box[2] / factor));
  const right = Math.min(columns, Math.ceil(box[3] / factor));
  const part = empty(bottom - top, right - left, { row: top * factor, column: left * factor, size: factor }, [band]);
  for (let y = top; y < bottom; y++) {
    part.bands[0].values.set(values.subarray(y * columns + left, y * columns + right), (y - top) * part.columns);
  }
  return part;
}

/** Pixels at full resolution, as of detail.js: its tiles, cut into subpixels. */
export function ofTiles(detail, box, refinement, band) {
  const [top, left, bottom, right] = box;
  const corner = { row: top, column: left, size: 1 / refinement };
  const part = empty((bottom - top) * refinement, (right - left) * refinement, corner, [band]);
  for (const tile of detail.tiles) {
    detail.each(tile, (value, y, x) => put(part, 0, y - top * refinement, x - left * refinement, value));
  }
  return part;
}

/** One or more numbers of each pixel; numbers(pixel): as many as there are bands, NaN: none. */
export function ofPixels(places, box, bands, numbers) {
  const [top, left, bottom, right] = box;
  const part = empty(bottom - top, right - left, { row: top, column: left, size: 1 }, bands);
  for (let i = 0; i < places.row.length; i++) {
    const [y, x] = [places.row[i] - top, places.column[i] - left];
    if (y >= 0 && x >= 0 && y < part.rows && x < part.columns) numbers(i).forEach((value, k) => put(part, k, y, x, value));
  }
  return part;
}

function empty(rows, columns, corner, bands) {
  const filled = bands.map((band) => ({ ...band, values: new Float32Array(rows * columns).fill(NaN) }));
  return { bands: filled, rows, columns, ...corner };
}

function put({ bands, rows, columns }, band, y, x, value) {
  if (y >= 0 && x >= 0 && y < rows && x < columns) bands[band].values[y * columns + x] = value;
}
