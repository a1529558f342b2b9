/** A worker: holds the embedding of a run of pixels, compares all of them with one. */

import * as zarr from "zarrita";

import { Generation, damaged } from "../reading/generation.js";
import { Objects } from "../reading/objects.js";
import { traffic } from "../reading/traffic.js";
import { Vectors } from "./vectors.js";

const AT_A_TIME = 3;

let vectors, begin; // the vectors that it holds, and the pixel of the first

const answers = { load, compare, vector, search, rows, classify, sums, project };

traffic.listeners.add((what, bytes) => self.postMessage({ traffic: [what, bytes] }));

self.onmessage = async ({ data: { id, name, argument } }) => {
  try {
    const answer = await answers[name](argument);
    self.postMessage({ id, answer }, ArrayBuffer.isView(answer) ? [answer.buffer] : []);
  } catch (error) {
    self.postMessage({ id, error: error.message, isOurs: error.name === "LakeError" });
  }
};

/** Read chunks `first` to before `end` of an array (pixel, latent); tells of each one that is there. */
async function load({ base, path, array, first, end, isKept }) {
  const generation = await new Generation(new Objects(base), path).open();
  const { shape, attributes } = generation.metadata[array];
  const vectorArray = await zarr.open.v3(zarr.root(generation).resolve(array), { kind: "array" });
  const size = vectorArray.chunks[0];
  const count = Math.min(end * size, shape[0]) - first * size;
  begin = first * size;
  vectors = new Vectors(count, shape[1], isKept);
  const waiting = Array.from({ length: end - first }, (_, i) => first + i);
  const work = async () => {
    while (waiting.length) {
      const number = waiting.shift();
      const values = await decoded(vectorArray, number, generation, `${path}/${array}/c/${number}/0`);
      const start = (number - first) * size;
      const length = Math.min(size, count - start);
      vectors.put(start, values.subarray(0, length * shape[1]), attributes._FillValue);
      self.postMessage({ read: 1 });
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
  return count;
}

/** Int16Array: cosines of its vectors to those of another array (pixel, latent), as of Vectors.cosines. */
async function compare({ base, path, array }) {
  const generation = await new Generation(new Objects(base), path).open();
  const { shape, attributes } = generation.metadata[array];
  const vectorArray = await zarr.open.v3(zarr.root(generation).resolve(array), { kind: "array" });
  const [size, end] = [vectorArray.chunks[0], begin + vectors.count];
  const scores = new Int16Array(vectors.count);
  const waiting = [];
  for (let number = Math.floor(begin / size); number * size < end; number++) waiting.push(number);
  const work = async () => {
    while (waiting.length) {
      const number = waiting.shift();
      const values = await decoded(vectorArray, number, generation, `${path}/${array}/c/${number}/0`);
      const [from, to] = [Math.max(begin, number * size), Math.min(end, (number + 1) * size)];
      const part = values.subarray((from - number * size) * shape[1], (to - number * size) * shape[1]);
      scores.set(vectors.cosines(from - begin, part, attributes._FillValue), from - begin);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
  return scores;
}

async function decoded(vectorArray, number, generation, where) {
  try {
    return (await vectorArray.getChunk([number, 0])).data;
  } catch (error) {
    throw damaged(generation.objects.url(where), error);
  }
}

function vector(number) {
  return vectors.vector(number);
}

function search(argument) {
  return vectors.search(argument);
}

function rows(numbers) {
  return vectors.rows(numbers);
}

function classify(argument) {
  return vectors.classify(argument);
}

function sums() {
  return vectors.sums();
}

function project(argument) {
  return vectors.project(argument);
}
