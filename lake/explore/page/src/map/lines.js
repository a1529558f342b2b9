/** Coastlines and borders, from one small file, in rows and columns of a store's grid. */

const COAST = 0;

/** { coasts, borders }: a Path2D each, columns to the right and rows down. */
export async function lines(grid) {
  const paths = { coasts: new Path2D(), borders: new Path2D() };
  await traced(grid, paths);
  return paths;
}

/** Draw them with pens, { coasts, borders } that have `moveTo(column, row)` and `lineTo(column, row)`. */
export async function traced(grid, { coasts, borders }) {
  const response = await fetch(new URL("lines.bin", import.meta.url));
  const numbers = new Int16Array(await response.arrayBuffer());
  for (let i = 0; i < numbers.length; ) {
    const [kind, points] = numbers.subarray(i, i + 2);
    const degrees = numbers.subarray(i + 2, i + 2 + 2 * points);
    draw(kind === COAST ? coasts : borders, grid, degrees);
    i += 2 + 2 * points;
  }
}

/** A line of hundredths of degrees, broken where the satellite does not see it. */
function draw(pen, grid, degrees) {
  let drawing = false;
  for (let i = 0; i < degrees.length; i += 2) {
    const place = grid.place(degrees[i] / 100, degrees[i + 1] / 100);
    if (!place) drawing = false;
    else {
      if (drawing) pen.lineTo(place[1], place[0]);
      else pen.moveTo(place[1], place[0]);
      drawing = true;
    }
  }
}
