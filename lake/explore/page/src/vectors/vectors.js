/** Some vectors of an embedding in the memory of a WebAssembly module that compares them with one. */

import program from "./search.wasm";

export const LEVELS = 10000; // a score is the cosine times this, as int16
export const NOTHING = -32768; // score of a pixel without embedding
const PAGE = 65536;
const BLOCK = 2048; // vectors whose columns stay in the cache

export class Vectors {
  /** Room for `count` vectors of `latent` numbers; with `isKept`, of float32 the numbers themselves too. */
  constructor(count, latent, isKept = false) {
    this.raw = isKept ? new Float32Array(count * latent) : undefined;
    this.isUnknown = new Uint8Array(count);
    this.count = count;
    this.latent = latent;
    this.stride = Math.ceil(latent / 16) * 16;
    const sizes = [count * this.stride, 2 * this.stride, 4 * count, 2 * count, 4 * count];
    let end = 0;
    const starts = sizes.map((size) => {
      const start = end;
      end += Math.ceil(size / 16) * 16;
      return start;
    });
    const memory = new WebAssembly.Memory({ initial: Math.ceil(end / PAGE) || 1 });
    [this.from, this.query, this.inverses, this.scores, this.products] = starts;
    this.data = new Int8Array(memory.buffer, this.from, sizes[0]);
    this.queryVector = new Int16Array(memory.buffer, this.query, this.stride);
    this.inverse = new Float32Array(memory.buffer, this.inverses, count);
    this.score = new Int16Array(memory.buffer, this.scores, count);
    this.product = new Int32Array(memory.buffer, this.products, count);
    this.absent = [];
    const module = new WebAssembly.Module(program);
    const { search, products } = new WebAssembly.Instance(module, { env: { memory } }).exports;
    this.compare = search;
    this.multiply = products;
  }

  /**
   * Put vectors from number `first` on: int8, or float32 that become int8 of their direction.
   *
   * A vector with `nothing` in it (int8), or NaN, or of length 0, is absent.
   */
  put(first, values, nothing) {
    const { latent, stride } = this;
    const isWhole = values instanceof Int8Array;
    for (let i = 0; i < values.length / latent; i++) {
      const vector = values.subarray(i * latent, (i + 1) * latent);
      let square = 0;
      let isPresent = true;
      for (let k = 0; k < latent; k++) {
        square += vector[k] * vector[k];
        if (vector[k] === nothing) isPresent = false;
      }
      if (!isPresent || Number.isNaN(square)) this.isUnknown[first + i] = 1;
      this.raw?.set(vector, (first + i) * latent);
      if (!isPresent || !(square > 0)) {
        this.absent.push(first + i);
        continue;
      }
      const target = (first + i) * stride;
      if (!isWhole) {
        const grow = 127 / Math.sqrt(square);
        square = 0;
        for (let k = 0; k < latent; k++) {
          const whole = Math.round(vector[k] * grow);
          this.data[target + k] = whole;
          square += whole * whole;
        }
      } else this.data.set(vector, target);
      this.inverse[first + i] = 1 / Math.sqrt(square);
    }
  }

  /** A copy of a vector; all 0: absent. */
  vector(number) {
    const start = number * this.stride;
    return this.data.slice(start, start + this.latent);
  }

  /** Int16Array of every vector's cosine to `vector`, times LEVELS; NOTHING where absent. */
  search(vector) {
    this.queryVector.fill(0);
    this.queryVector.set(vector);
    const length = Math.hypot(...vector);
    const scale = length > 0 ? LEVELS / length : 0;
    this.compare(this.from, this.count, this.stride, this.query, this.inverses, this.scores, scale);
    const scores = this.score.slice();
    for (const number of this.absent) scores[number] = NOTHING;
    return scores;
  }

  /**
   * Int16Array: cosines of the vectors from number `first` on to others, times LEVELS; NOTHING where one is absent,
   * as of `put`.
   */
  cosines(first, values, nothing) {
    const { latent, stride } = this;
    const [data, step] = this.raw ? [this.raw, latent] : [this.data, stride];
    const scores = new Int16Array(values.length / latent).fill(NOTHING);
    for (let i = 0; i < scores.length; i++) {
      let [dot, one, other] = [0, 0, 0];
      let isPresent = !this.isUnknown[first + i];
      for (let k = 0, at = (first + i) * step, to = i * latent; k < latent; k++) {
        const [x, y] = [data[at + k], values[to + k]];
        if (y === nothing) isPresent = false;
        dot += x * y;
        one += x * x;
        other += y * y;
      }
      if (isPresent && one > 0 && other > 0) scores[i] = Math.round((LEVELS * dot) / Math.sqrt(one * other));
    }
    return scores;
  }

  /** { count, sum, products } of all vectors: Float64Array (latent), and (latent, latent) of their products. */
  sums() {
    const { count, latent, stride, isUnknown } = this;
    const [data, step] = this.raw ? [this.raw, latent] : [this.data, stride];
    const columns = Array.from({ length: latent }, () => new Float64Array(BLOCK));
    const [sum, products] = [new Float64Array(latent), new Float64Array(latent * latent)];
    let total = 0;
    for (let first = 0; first < count; first += BLOCK) {
      let n = 0;
      for (let i = first; i < Math.min(first + BLOCK, count); i++) {
        if (isUnknown[i]) continue;
        for (let k = 0; k < latent; k++) columns[k][n] = data[i * step + k];
        n++;
      }
      total += n;
      for (let j = 0; j < latent; j++) {
        for (let i = 0; i < n; i++) sum[j] += columns[j][i];
        for (let k = j; k < latent; k++) products[j * latent + k] += dot(columns[j], columns[k], n);
      }
    }
    for (let j = 0; j < latent; j++) for (let k = 0; k < j; k++) products[j * latent + k] = products[k * latent + j];
    return { count: total, sum, products };
  }

  /** Float32Array (numbers, latent) of some vectors; NaN: absent. */
  rows(numbers) {
    const { latent, stride, isUnknown } = this;
    const [data, step] = this.raw ? [this.raw, latent] : [this.data, stride];
    const rows = new Float32Array(numbers.length * latent);
    numbers.forEach((number, i) => {
      if (isUnknown[number]) rows.fill(NaN, i * latent, (i + 1) * latent);
      else rows.set(data.subarray(number * step, number * step + latent), i * latent);
    });
    return rows;
  }

  /**
   * { classes, probability }: the likeliest class of every vector, -1 where there is none, and 255 times its
   * probability; by weights (class, latent) and offset (class) of the log odds.
   */
  classify({ weights, offset }) {
    const { count, latent, isUnknown } = this;
    const odds = Array.from(offset, (start, c) => this.#odds(weights.subarray(c * latent, (c + 1) * latent), start));
    const [classes, probability] = [new Int8Array(count).fill(-1), new Uint8Array(count)];
    for (let i = 0; i < count; i++) {
      if (isUnknown[i]) continue;
      let best = 0;
      for (let c = 1; c < odds.length; c++) if (odds[c][i] > odds[best][i]) best = c;
      let total = 0;
      for (let c = 0; c < odds.length; c++) total += Math.exp(odds[c][i] - odds[best][i]);
      classes[i] = best;
      probability[i] = Math.round(255 / total);
    }
    return { classes, probability };
  }

  /** Float32Array: `start` and the product of weights with every vector; of int8 with weights of 15 bits. */
  #odds(weights, start) {
    const { count, latent, raw } = this;
    const odds = new Float32Array(count);
    if (raw) {
      for (let i = 0, at = 0; i < count; i++) {
        let sum = start;
        for (let k = 0; k < latent; k++, at++) sum += raw[at] * weights[k];
        odds[i] = sum;
      }
      return odds;
    }
    const most = Math.min(32767, Math.floor((2 ** 31 - 1) / (128 * latent))); // no sum overflows
    const unit = Math.max(...weights.map(Math.abs)) / most || 1;
    this.queryVector.fill(0);
    this.queryVector.set(weights.map((weight) => Math.round(weight / unit)));
    this.multiply(this.from, count, this.stride, this.query, this.products);
    for (let i = 0; i < count; i++) odds[i] = start + unit * this.product[i];
    return odds;
  }

  /** Float32Array (count, 3): every vector on three axes; NaN where there is none. */
  project({ mean, axes }) {
    const { count, latent, stride, isUnknown } = this;
    const [data, step] = this.raw ? [this.raw, latent] : [this.data, stride];
    const projected = new Float32Array(3 * count).fill(NaN);
    const offsets = axes.map((axis) => axis.reduce((sum, x, k) => sum + x * mean[k], 0));
    for (let i = 0; i < count; i++) {
      if (isUnknown[i]) continue;
      for (let n = 0; n < 3; n++) {
        const axis = axes[n];
        let sum = -offsets[n];
        for (let k = 0, at = i * step; k < latent; k++) sum += data[at + k] * axis[k];
        projected[3 * i + n] = sum;
      }
    }
    return projected;
  }
}

function dot(a, b, n) {
  let sum = 0;
  for (let i = 0; i < n; i++) sum += a[i] * b[i];
  return sum;
}
