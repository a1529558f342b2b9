/** Statistics of merged moments, as lake/moments.py defines them. */

const EPSILON = 2 ** -23; // of the stored float32

/**
 * All subpixels of a pixel as one: { count, mean, stddev, min, max }, NaN where not defined.
 *
 * data: of an inner chunk; metric k of subpixel s lies at first + k * plane + s.
 */
export function moments(data, { first, plane, subpixels }) {
  let count = NaN;
  let mean = NaN;
  let square = NaN;
  let min = NaN;
  let max = NaN;
  for (let s = first; s < first + subpixels; s++) {
    const n = data[s];
    if (!Number.isNaN(n)) count = (Number.isNaN(count) ? 0 : count) + n;
    if (!(n > 0)) continue;
    const [low, high, m1, m2] = [1, 2, 3, 4].map((k) => data[s + k * plane]);
    if (Number.isNaN(mean)) [mean, square, min, max] = [m1, m2, low, high];
    else {
      const delta = m1 - mean;
      square += m2 + (delta * delta * (count - n) * n) / count;
      mean += (delta * n) / count;
      min = Math.min(min, low);
      max = Math.max(max, high);
    }
  }
  return { count, mean, stddev: count >= 2 ? Math.sqrt(Math.max(square, 0) / count) : NaN, min, max };
}

/** One statistic of one subpixel. */
export function statistic(name, data, at, plane) {
  const n = data[at];
  const m = (k) => data[at + k * plane];
  const stddev = n >= 2 ? Math.sqrt(Math.max(m(4), 0) / n) : NaN;
  const differs = stddev > Math.abs(m(3)) * EPSILON;
  switch (name) {
    case "count": return n;
    case "min": return m(1);
    case "max": return m(2);
    case "mean": return m(3);
    case "stddev": return stddev;
    case "skewness": return differs && n >= 3 ? (Math.sqrt(n) * m(5)) / m(4) ** 1.5 : NaN;
    case "kurtosis": return differs && n >= 4 ? (n * m(6)) / m(4) ** 2 - 3 : NaN;
    default: throw new RangeError(name);
  }
}

/** Two quantiles of finite values, of every so many; null where there is none. */
export function range(values, low = 0.02, high = 0.98, limit = 50000) {
  const step = Math.max(1, Math.floor(values.length / limit));
  const sample = [];
  for (let i = 0; i < values.length; i += step) if (Number.isFinite(values[i])) sample.push(values[i]);
  if (!sample.length && step > 1) return range(values, low, high, Infinity);
  if (!sample.length) return null;
  sample.sort((a, b) => a - b);
  const at = (share) => sample[Math.round(share * (sample.length - 1))];
  const [from, to] = [at(low), at(high)];
  return to > from ? [from, to] : [from - 0.5, from + 0.5];
}

/**
 * { measured, isLog }: where colours begin and end, null where there is no value; isWanted: logarithmic ones, which
 * values above 0 alone have.
 */
export function measure(values, isWanted = false) {
  const above = isWanted ? range(values.filter((value) => value > 0)) : null;
  if (!above) return { measured: range(values), isLog: false };
  return { measured: above[0] > 0 ? above : [above[1] / 4, above[1]], isLog: true };
}
