/** Some vectors of an embedding in the memory of a WebAssembly module that compares them with one. */

import program from "./search.wasm";

export const LEVELS = 10000; // a score is the cosine times this, as int16
export const NOTHING = -32768; // score of a pixel without embedding
const PAGE = 65536;

export class Vectors {
  /** Room for `count` vectors of `latent` numbers. */
  constructor(count, latent) {
    this.count = count;
    this.latent = latent;
    this.stride = Math.ceil(latent / 16) * 16;
    const sizes = [count * this.stride, 2 * this.stride, 4 * count, 2 * count];
    let end = 0;
    const starts = sizes.map((size) => {
      const start = end;
      end += Math.ceil(size / 16) * 16;
      return start;
    });
    const memory = new WebAssembly.Memory({ initial: Math.ceil(end / PAGE) || 1 });
    [this.from, this.query, this.inverses, this.scores] = starts;
    this.data = new Int8Array(memory.buffer, this.from, sizes[0]);
    this.queryVector = new Int16Array(memory.buffer, this.query, this.stride);
    this.inverse = new Float32Array(memory.buffer, this.inverses, count);
    this.score = new Int16Array(memory.buffer, this.scores, count);
    this.absent = [];
    const module = new WebAssembly.Module(program);
    this.compare = new WebAssembly.Instance(module, { env: { memory } }).exports.search;
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

  /** The first three numbers of every vector, one after the other; -128 thrice where absent. */
  axes() {
    const numbers = new Int8Array(3 * this.count);
    for (let i = 0; i < this.count; i++) {
      for (let k = 0; k < Math.min(3, this.latent); k++) numbers[3 * i + k] = this.data[i * this.stride + k];
    }
    for (const number of this.absent) numbers.fill(-128, 3 * number, 3 * number + 3);
    return numbers;
  }
}
