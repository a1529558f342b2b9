/**
 * Logistic regression of vectors, the one of `lake classify` (jobs/evaluation/probes.py): numbers
 * standardised, half of the squared weights as penalty, offsets free; of two classes their difference is fitted.
 */

const TOLERANCE = 1e-6; // of the gradient of the mean loss
const MOST_STEPS = 1000;
const MEMORY = 10;

/**
 * { weights, offset }: Float64Array (class, d) and (class), log odds of vectors as they are.
 *
 * vectors: array of arrays of d numbers; classes: the class of each, 0 to `count` - 1, each of them present.
 */
export function fit(vectors, classes, count) {
  const d = vectors[0].length;
  const { mean, scale } = moments(vectors, d);
  const x = vectors.map((vector) => Float64Array.from(vector, (value, k) => (value - mean[k]) / scale[k]));
  const rows = count === 2 ? 1 : count;
  const solved = minimise((point) => loss(point, x, classes, rows, d), new Float64Array(rows * (d + 1)));
  const signs = count === 2 ? [-0.5, 0.5] : Array.from({ length: count }, () => 1);
  const [weights, offset] = [new Float64Array(count * d), new Float64Array(count)];
  signs.forEach((sign, c) => {
    const from = count === 2 ? 0 : c * (d + 1);
    offset[c] = sign * solved[from + d];
    for (let k = 0; k < d; k++) {
      const weight = (sign * solved[from + k]) / scale[k];
      weights[c * d + k] = weight;
      offset[c] -= weight * mean[k];
    }
  });
  return { weights, offset };
}

/** Mean and standard deviation of each number; 1 where it does not vary. */
function moments(vectors, d) {
  const [mean, scale] = [new Float64Array(d), new Float64Array(d)];
  for (const vector of vectors) for (let k = 0; k < d; k++) mean[k] += vector[k] / vectors.length;
  for (const vector of vectors) for (let k = 0; k < d; k++) scale[k] += (vector[k] - mean[k]) ** 2 / vectors.length;
  return { mean, scale: scale.map((variance, k) => (variance > (1e-12 * mean[k]) ** 2 ? Math.sqrt(variance) : 1)) };
}

/** [value, gradient] of the loss and its penalty, over the number of vectors; a row is d weights and an offset. */
function loss(point, x, classes, rows, d) {
  const gradient = new Float64Array(point.length);
  const odds = new Float64Array(Math.max(rows, 2));
  let value = 0;
  x.forEach((vector, i) => {
    for (let r = 0; r < rows; r++) {
      const at = r * (d + 1);
      let sum = point[at + d];
      for (let k = 0; k < d; k++) sum += point[at + k] * vector[k];
      odds[rows === 1 ? 1 : r] = sum;
    }
    const most = Math.max(...odds);
    const total = odds.reduce((sum, odd) => sum + Math.exp(odd - most), 0);
    value += most + Math.log(total) - odds[classes[i]];
    for (let r = 0; r < rows; r++) {
      const c = rows === 1 ? 1 : r;
      const miss = Math.exp(odds[c] - most) / total - (classes[i] === c ? 1 : 0);
      const at = r * (d + 1);
      for (let k = 0; k < d; k++) gradient[at + k] += miss * vector[k];
      gradient[at + d] += miss;
    }
  });
  for (let at = 0; at < point.length; at++) {
    if (at % (d + 1) === d) continue;
    value += point[at] ** 2 / 2;
    gradient[at] += point[at];
  }
  return [value / x.length, gradient.map((slope) => slope / x.length)];
}

/** The lowest point of a smooth convex function by L-BFGS (Nocedal and Wright, Numerical optimization, 7.4). */
function minimise(evaluate, start) {
  let point = start;
  let [value, gradient] = evaluate(point);
  const past = [];
  for (let n = 0; n < MOST_STEPS && Math.max(...gradient.map(Math.abs)) > TOLERANCE; n++) {
    const direction = descent(gradient, past);
    const slope = dot(direction, gradient);
    let [length, next] = [past.length ? 1 : 1 / Math.hypot(...gradient), undefined];
    for (; length > 1e-12; length /= 2) {
      const candidate = point.map((at, k) => at + length * direction[k]);
      next = [candidate, ...evaluate(candidate)];
      if (next[1] <= value + 1e-4 * length * slope) break;
    }
    if (length <= 1e-12) break;
    const [step, change] = [next[0].map((at, k) => at - point[k]), next[2].map((at, k) => at - gradient[k])];
    if (dot(step, change) > 0) past.push([step, change]);
    if (past.length > MEMORY) past.shift();
    [point, value, gradient] = next;
  }
  return point;
}

/** Minus the gradient times the inverse of the second derivatives, as the last steps have them. */
function descent(gradient, past) {
  const direction = gradient.map((slope) => -slope);
  const shares = [];
  for (const [step, change] of [...past].reverse()) {
    const share = dot(step, direction) / dot(step, change);
    shares.push(share);
    change.forEach((at, k) => (direction[k] -= share * at));
  }
  if (past.length) {
    const [step, change] = past.at(-1);
    const grow = dot(step, change) / dot(change, change);
    direction.forEach((at, k) => (direction[k] = grow * at));
  }
  for (const [step, change] of past) {
    const share = shares.pop() - dot(change, direction) / dot(step, change);
    step.forEach((at, k) => (direction[k] += share * at));
  }
  return direction;
}

function dot(a, b) {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += a[k] * b[k];
  return sum;
}
