/**
 * All pixels in two dimensions, in the colours of the map: what is picked on either side lights up on the other.
 *
 * Points are painted by the processor, 1.8 million in some 30 ms, so that no GPU is needed.
 */

import { Sheet, rgba } from "../drawing/colours.js";

export const CHOSEN = rgba(255, 0, 220);
const MOST_ZOOM = 200;
const MARGIN = 1.08; // of what is shown at first, beside all points
const FEW = 20000; // points that are drawn larger

export class Scatter {
  /** listeners: { picked(mask): which points lie in a lasso }. */
  constructor(canvas, listeners) {
    this.canvas = canvas;
    this.listeners = listeners;
    this.#listen();
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  /** points: Float32Array (pixel, 2), NaN: none. */
  set(points) {
    this.points = points;
    const middle = [0, 1].map((axis) => range(points, axis));
    this.centre = middle.map(([low, high]) => (low + high) / 2);
    this.reach = Math.max(...middle.map(([low, high]) => high - low)) * MARGIN || 1;
    this.show(this.centre, 1);
  }

  /** The place in the middle, and how much larger than at first. */
  show(centre, zoom) {
    this.view = { centre, zoom: Math.max(1, Math.min(MOST_ZOOM, zoom)) };
    this.draw();
  }

  /** colour(pixel): as on the map; chosen: Uint8Array (pixel), 1 where it is picked; undefined: none is. */
  paint(colour, chosen) {
    this.colours = Uint32Array.from({ length: this.points.length / 2 }, (_, i) => colour(i));
    this.chosen = chosen;
    this.draw();
  }

  draw() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      if (this.points && this.colours) this.#paint();
    });
  }

  /** Screen pixels of one unit of the points. */
  get #scale() {
    return (Math.min(this.canvas.width, this.canvas.height) / this.reach) * this.view.zoom;
  }

  #paint() {
    const { canvas, points, colours, chosen, view: { centre } } = this;
    [canvas.width, canvas.height] = [canvas.clientWidth || 1, canvas.clientHeight || 1];
    const { width, height } = canvas;
    if (this.sheet?.canvas.width !== width || this.sheet.canvas.height !== height) this.sheet = new Sheet(height, width);
    const image = this.sheet.colours.fill(0);
    const scale = this.#scale;
    const size = colours.length > FEW ? 1 : 3;
    const put = (i, colour) => {
      const x = Math.floor((points[2 * i] - centre[0]) * scale + width / 2);
      const y = Math.floor(height / 2 - (points[2 * i + 1] - centre[1]) * scale);
      if (!(x >= 0 && y >= 0 && x <= width - size && y <= height - size)) return;
      for (let down = 0; down < size; down++) for (let right = 0; right < size; right++) image[(y + down) * width + x + right] = colour;
    };
    for (let i = 0; i < colours.length; i++) put(i, colours[i]);
    if (chosen) for (let i = 0; i < colours.length; i++) if (chosen[i]) put(i, CHOSEN);
    const context = canvas.getContext("2d");
    context.drawImage(this.sheet.painted(), 0, 0);
    if (this.lasso) outline(context, this.lasso);
  }

  /** Uint8Array (pixel): 1 where a point lies in a polygon of the screen. */
  #inside(polygon) {
    const { canvas: { width, height }, points, view: { centre } } = this;
    const scale = this.#scale;
    const place = (i) => [(points[2 * i] - centre[0]) * scale + width / 2, height / 2 - (points[2 * i + 1] - centre[1]) * scale];
    return within(polygon, points.length / 2, place, width, height);
  }

  #listen() {
    const { canvas } = this;
    const place = (event) => {
      const box = canvas.getBoundingClientRect();
      return [event.clientX - box.left - canvas.clientLeft, event.clientY - box.top - canvas.clientTop];
    };
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || !this.points) return;
      canvas.setPointerCapture(event.pointerId);
      this.lasso = [place(event)];
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!this.lasso) return;
      this.lasso.push(place(event));
      this.draw();
    });
    const up = () => {
      const { lasso } = this;
      this.lasso = undefined;
      if (lasso) this.listeners.picked(this.#inside(lasso));
    };
    canvas.addEventListener("pointerup", up);
    canvas.addEventListener("pointercancel", up);
    canvas.addEventListener("wheel", (event) => {
      if (!this.points) return;
      event.preventDefault();
      this.#zoom(Math.exp(-event.deltaY / 400), ...place(event));
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => {
      const by = { "+": 1.5, "=": 1.5, "-": 1 / 1.5, _: 1 / 1.5 }[event.key];
      if (!this.points || !(by || event.key === "0")) return;
      event.preventDefault();
      if (by) this.#zoom(by, canvas.width / 2, canvas.height / 2);
      else this.show(this.centre, 1);
    });
  }

  /** Zoom so that what lies under a place of the canvas stays there. */
  #zoom(by, x, y) {
    const { canvas: { width, height }, view: { centre, zoom } } = this;
    const [right, up] = [x - width / 2, height / 2 - y];
    const before = this.#scale;
    this.view = { centre, zoom: Math.max(1, Math.min(MOST_ZOOM, zoom * by)) };
    const after = this.#scale;
    this.show([centre[0] + right / before - right / after, centre[1] + up / before - up / after], this.view.zoom);
  }
}

/** Uint8Array (count): 1 where place(i), [x, y], lies in a polygon of a canvas. */
export function within(polygon, count, place, width, height) {
  const sheet = Object.assign(document.createElement("canvas"), { width, height });
  const context = sheet.getContext("2d", { willReadFrequently: true });
  context.beginPath();
  for (const [x, y] of polygon) context.lineTo(x, y);
  context.closePath();
  context.fill("evenodd");
  const { data } = context.getImageData(0, 0, width, height);
  const mask = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const [x, y] = place(i).map(Math.floor);
    if (x >= 0 && y >= 0 && x < width && y < height && data[4 * (y * width + x) + 3] > 127) mask[i] = 1;
  }
  return mask;
}

/** Draw a lasso that is being drawn. */
export function outline(context, polygon) {
  context.beginPath();
  for (const [x, y] of polygon) context.lineTo(x, y);
  for (const [width, colour] of [[3, "white"], [1.5, "black"]]) {
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.stroke();
  }
}

/** [lowest, highest] of the numbers of an axis. */
function range(points, axis) {
  let [low, high] = [Infinity, -Infinity];
  for (let i = axis; i < points.length; i += 2) {
    if (points[i] < low) low = points[i];
    if (points[i] > high) high = points[i];
  }
  return low <= high ? [low, high] : [0, 0];
}
