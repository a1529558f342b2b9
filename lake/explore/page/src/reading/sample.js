/** Of many pixels a sample that is cheap to read. */

const MOST_PIXELS = 2000;

/**
 * { pixels, bytes }: a sample, evenly spaced along the order of the store: all pixels, or those of as many chunks as
 * wanted, one at least; what it takes to read them. Chunks are of `size` pixels and `bytes`.
 */
export function sample(pixels, { size, bytes, chunks }) {
  const chunkOf = (pixel) => Math.floor(pixel / size);
  const taken = new Set(evenly([...new Set(pixels.map(chunkOf))], Math.max(1, Math.floor(chunks))));
  const kept = evenly(pixels.filter((pixel) => taken.has(chunkOf(pixel))), MOST_PIXELS);
  return { pixels: kept, bytes: bytes * taken.size };
}

/** What a sample is, in words. */
export function said(count, total) {
  const [few, all] = [count, total].map((number) => number.toLocaleString("en"));
  return count < total ? `a sample of ${few} of ${all} pixels, evenly spaced along the order of the store` : `${all} pixels`;
}

/** At most so many of a list, evenly spaced. */
function evenly(list, most) {
  if (list.length <= most) return list;
  return Array.from({ length: most }, (_, i) => list[Math.floor((i * list.length) / most)]);
}
