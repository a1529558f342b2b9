/**
 * Principal axes of vectors, as jobs/figures/principal_axes.py has them, so that colours are the same.
 *
 * By falling variance (population covariance of all pixels that have a vector); the largest loading of
 * each is positive; axes beyond the vectors' length are 0.
 */

const SWEEPS = 60;
const SMALL = 1e-24; // of the squares beside the diagonal, to those on it

/**
 * { mean, axes, shares } of vectors: Float64Array (d), three of (d), and three shares of the variance.
 *
 * parts: [{ count, sum, products }], sums of them: Float64Array (d) and (d, d).
 */
export function principal(parts) {
  const d = parts[0].sum.length;
  const total = (name) => parts[0][name].map((_, i) => parts.reduce((sum, part) => sum + part[name][i], 0));
  const count = Math.max(1, parts.reduce((sum, part) => sum + part.count, 0));
  const mean = total("sum").map((sum) => sum / count);
  const products = total("products");
  const covariance = Array.from({ length: d }, (_, i) =>
    Float64Array.from({ length: d }, (_, k) => products[i * d + k] / count - mean[i] * mean[k]),
  );
  const { values, vectors } = eigen(covariance);
  const order = [...values.keys()].sort((a, b) => values[b] - values[a]).slice(0, 3);
  const variance = values.reduce((sum, value) => sum + value, 0);
  const axes = order.map((n) => upright(vectors[n]));
  const shares = order.map((n) => (variance > 0 ? Math.max(values[n], 0) / variance : 0));
  while (axes.length < 3) {
    axes.push(new Float64Array(d));
    shares.push(0);
  }
  return { mean, axes, shares };
}

/** An axis, turned so that its largest loading is positive. */
function upright(axis) {
  const largest = axis.reduce((best, x) => (Math.abs(x) > Math.abs(best) ? x : best), 0);
  return largest < 0 ? axis.map((x) => -x) : axis;
}

/**
 * { values, vectors } of a symmetric matrix (rows, destroyed); vectors[n] belongs to values[n].
 *
 * Source: Jacobi's rotations, by rows: Golub and Van Loan, "Matrix Computations" (2013), section 8.5.
 */
function eigen(a) {
  const d = a.length;
  const vectors = a.map((_, i) => Float64Array.from({ length: d }, (_, k) => Number(i === k)));
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    let [beside, on] = [0, 0];
    for (let i = 0; i < d; i++) for (let k = 0; k < d; k++) {
      if (i === k) on += a[i][i] ** 2;
      else beside += a[i][k] ** 2;
    }
    if (beside <= SMALL * on) break;
    for (let p = 0; p < d; p++) for (let q = p + 1; q < d; q++) rotate(a, vectors, p, q);
  }
  return { values: a.map((row, i) => row[i]), vectors };
}

/** Turn two axes so that the element (p, q) becomes 0. */
function rotate(a, vectors, p, q) {
  if (a[p][q] === 0) return;
  const tau = (a[q][q] - a[p][p]) / (2 * a[p][q]);
  const t = (tau >= 0 ? 1 : -1) / (Math.abs(tau) + Math.sqrt(1 + tau * tau));
  const c = 1 / Math.sqrt(1 + t * t);
  const s = t * c;
  for (let k = 0; k < a.length; k++) [a[k][p], a[k][q]] = [c * a[k][p] - s * a[k][q], s * a[k][p] + c * a[k][q]];
  for (const rows of [a, vectors]) {
    for (let k = 0; k < a.length; k++) {
      const [x, y] = [rows[p][k], rows[q][k]];
      rows[p][k] = c * x - s * y;
      rows[q][k] = s * x + c * y;
    }
  }
}
