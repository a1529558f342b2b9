/**
 * A map of the fixed grid on a canvas: images of rows and columns, lines above them, pan and zoom.
 *
 * The view is { row, column, zoom }: what lies in the middle, and how many screen pixels a pixel has.
 */

import { outline } from "./scatter.js";

const MOST_ZOOM = 64;
const CLICK_PX = 4;
const KEYS_PAN = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

export class Map2D {
  /**
   * canvas: focusable. listeners: { moved(view, isByHand), pointed(row, column), left(),
   * picked(row, column, second), lassoed(polygon) of [x, y] on the canvas, touched() }.
   */
  constructor(canvas, listeners) {
    this.canvas = canvas;
    this.listeners = listeners;
    this.view = { row: 0, column: 0, zoom: 1 };
    this.images = []; // { canvas, row, column, size }: size of its pixels in coarse ones
    this.beyond = null; // { images, share }: instead, right of a share of the width
    this.marks = []; // { row, column, name }
    this.dots = []; // { row, column, colour }
    this.lines = null;
    this.bounds = null;
    this.#listen();
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  get size() {
    return [this.canvas.clientWidth || 1, this.canvas.clientHeight || 1];
  }

  /** Show all of the bounds, if there are any: [first row, first column, last row, last column]. */
  fit(isByHand = true) {
    if (!this.bounds) return;
    const [width, height] = this.size;
    const [top, left, bottom, right] = this.bounds;
    const zoom = 0.96 * Math.min(width / (right - left), height / (bottom - top));
    this.move({ row: (top + bottom) / 2, column: (left + right) / 2, zoom }, isByHand);
  }

  move(view, isByHand = true) {
    const zoom = Math.max(this.#lowestZoom(), Math.min(MOST_ZOOM, view.zoom));
    this.view = { ...view, zoom };
    this.listeners.moved(this.view, isByHand);
    this.draw();
  }

  /** Zoom so that what lies under a place of the canvas stays there. */
  zoom(by, x = this.size[0] / 2, y = this.size[1] / 2) {
    const [row, column] = this.at(x, y);
    const zoom = Math.max(this.#lowestZoom(), Math.min(MOST_ZOOM, this.view.zoom * by));
    const [width, height] = this.size;
    this.move({ row: row - (y - height / 2) / zoom, column: column - (x - width / 2) / zoom, zoom });
  }

  /** [row, column] under a place of the canvas. */
  at(x, y) {
    const [width, height] = this.size;
    const { row, column, zoom } = this.view;
    return [row + (y - height / 2) / zoom, column + (x - width / 2) / zoom];
  }

  /** [x, y] on the canvas of a row and column. */
  onScreen = (row, column) => {
    const [width, height] = this.size;
    const { view } = this;
    return [width / 2 + (column - view.column) * view.zoom, height / 2 + (row - view.row) * view.zoom];
  };

  /** The visible part: [first row, first column, last row, last column]. */
  get visible() {
    return [...this.at(0, 0), ...this.at(...this.size)];
  }

  draw() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.#paint();
    });
  }

  #lowestZoom() {
    if (!this.bounds) return 0.01;
    const [top, left, bottom, right] = this.bounds;
    return 0.5 * Math.min(this.size[0] / (right - left), this.size[1] / (bottom - top));
  }

  #paint() {
    const { canvas, view } = this;
    const [width, height] = this.size;
    const dots = window.devicePixelRatio || 1;
    canvas.width = Math.round(width * dots);
    canvas.height = Math.round(height * dots);
    const context = canvas.getContext("2d");
    const [row, column] = this.at(0, 0);
    this.#rasters(context);
    const style = getComputedStyle(canvas);
    if (this.lines) {
      context.lineWidth = 0.7 / view.zoom;
      context.strokeStyle = style.getPropertyValue("--border");
      context.stroke(this.lines.borders);
      context.lineWidth = 1 / view.zoom;
      context.strokeStyle = style.getPropertyValue("--coast");
      context.stroke(this.lines.coasts);
    }
    context.setTransform(dots, 0, 0, dots, 0, 0);
    for (const dot of this.dots) this.#dot(context, dot, row, column);
    for (const mark of this.marks) this.#mark(context, mark, row, column);
    if (this.lasso) outline(context, this.lasso);
    if (document.activeElement === canvas && canvas.matches(":focus-visible")) this.#cross(context);
  }

  /** The images alone, as a canvas of the screen's pixels. */
  raster() {
    const { width, height } = this.canvas;
    const sheet = Object.assign(document.createElement("canvas"), { width, height });
    this.#rasters(sheet.getContext("2d"));
    return sheet;
  }

  #rasters(context) {
    const { canvas } = context;
    const dots = window.devicePixelRatio || 1;
    const scale = this.view.zoom * dots;
    const [row, column] = this.at(0, 0);
    const place = () => context.setTransform(scale, 0, 0, scale, -column * scale, -row * scale);
    place();
    this.#images(context, this.images, scale);
    if (this.beyond) {
      const edge = this.beyond.share * canvas.width;
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.save();
      context.beginPath();
      context.rect(edge, 0, canvas.width - edge, canvas.height);
      context.clip();
      context.clearRect(edge, 0, canvas.width - edge, canvas.height);
      place();
      this.#images(context, this.beyond.images, scale);
      context.restore();
      context.fillStyle = "black";
      context.fillRect(edge - dots, 0, 2 * dots, canvas.height);
      place();
    }
  }

  #images(context, images, scale) {
    for (const image of images) {
      context.imageSmoothingEnabled = scale * image.size < 1;
      const [w, h] = [image.canvas.width * image.size, image.canvas.height * image.size];
      context.drawImage(image.canvas, image.column, image.row, w, h);
    }
  }

  #dot(context, dot, row, column) {
    const { zoom } = this.view;
    const [x, y] = [(dot.column + 0.5 - column) * zoom, (dot.row + 0.5 - row) * zoom];
    const half = Math.max(3, zoom / 2);
    context.fillStyle = dot.colour;
    context.fillRect(x - half, y - half, 2 * half, 2 * half);
    context.lineWidth = 1;
    context.strokeStyle = "white";
    context.strokeRect(x - half, y - half, 2 * half, 2 * half);
  }

  #mark(context, mark, row, column) {
    const { zoom } = this.view;
    const [x, y] = [(mark.column + 0.5 - column) * zoom, (mark.row + 0.5 - row) * zoom];
    const half = Math.max(5, zoom / 2);
    for (const [width, colour] of [[4, "white"], [2, "black"]]) {
      context.lineWidth = width;
      context.strokeStyle = colour;
      context.strokeRect(x - half, y - half, 2 * half, 2 * half);
    }
    context.font = "bold 13px system-ui, sans-serif";
    context.lineWidth = 4;
    context.strokeStyle = "white";
    context.fillStyle = "black";
    context.strokeText(mark.name, x + half + 4, y - half);
    context.fillText(mark.name, x + half + 4, y - half);
  }

  /** What the keyboard would choose. */
  #cross(context) {
    const [x, y] = this.size.map((length) => length / 2);
    for (const [width, colour] of [[3, "white"], [1, "black"]]) {
      context.lineWidth = width;
      context.strokeStyle = colour;
      context.beginPath();
      context.moveTo(x - 9, y);
      context.lineTo(x + 9, y);
      context.moveTo(x, y - 9);
      context.lineTo(x, y + 9);
      context.stroke();
    }
  }

  #listen() {
    const { canvas } = this;
    const down = new Map();
    let travelled = 0;
    let before; // the view when the first finger came down
    const place = (event) => {
      const box = canvas.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      if (!down.size) [travelled, before] = [0, this.view];
      this.lasso = event.shiftKey && !down.size ? [place(event)] : undefined;
      down.set(event.pointerId, place(event));
    });
    // one finger scrolls the page past the map (touch-action: pan-y), two move the map
    canvas.addEventListener("touchmove", (event) => {
      if (event.touches.length > 1 && event.cancelable) event.preventDefault();
    }, { passive: false });
    canvas.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && this.listeners.left());
    canvas.addEventListener("pointermove", (event) => {
      const [x, y] = place(event);
      this.listeners.pointed(...this.at(x, y));
      const last = down.get(event.pointerId);
      if (!last) return;
      const [dx, dy] = [x - last[0], y - last[1]];
      travelled += Math.hypot(dx, dy);
      if (this.lasso) {
        this.lasso.push([x, y]);
        down.set(event.pointerId, [x, y]);
        this.draw();
        return;
      }
      const second = [...down].find(([id]) => id !== event.pointerId)?.[1];
      down.set(event.pointerId, [x, y]);
      if (second) {
        const by = Math.hypot(x - second[0], y - second[1]) / Math.hypot(last[0] - second[0], last[1] - second[1]);
        const { row, column, zoom } = this.view;
        this.move({ row: row - dy / 2 / zoom, column: column - dx / 2 / zoom, zoom });
        if (Number.isFinite(by) && by > 0) this.zoom(by, (x + second[0]) / 2, (y + second[1]) / 2);
      } else if (travelled > CLICK_PX) {
        const { row, column, zoom } = this.view;
        const down = event.pointerType === "touch" ? 0 : dy; // it scrolls the page
        this.move({ row: row - down / zoom, column: column - dx / zoom, zoom });
      }
    });
    const up = (event) => {
      const { lasso } = this;
      this.lasso = undefined;
      if (lasso && travelled > CLICK_PX) this.listeners.lassoed(lasso);
      if (!down.delete(event.pointerId) || down.size || travelled > CLICK_PX) return;
      if (event.type === "pointerup") this.listeners.picked(...this.at(...place(event)), event.shiftKey);
    };
    canvas.addEventListener("pointerup", up);
    canvas.addEventListener("pointercancel", (event) => {
      if (event.pointerType === "touch" && down.size === 1) {
        this.move(before); // the page took the finger to scroll by
        this.listeners.touched();
      }
      up(event);
    });
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY / 400), ...place(event));
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => this.#key(event));
    for (const name of ["focus", "blur"]) canvas.addEventListener(name, () => this.draw());
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = event.shiftKey ? 0.5 : 0.1;
    const { row, column, zoom } = this.view;
    if (event.key in KEYS_PAN) {
      const [down, right] = KEYS_PAN[event.key];
      const [width, height] = this.size;
      this.move({ row: row + (down * step * height) / zoom, column: column + (right * step * width) / zoom, zoom });
      this.listeners.pointed(this.view.row, this.view.column);
    } else if (event.key === "+" || event.key === "=") this.zoom(1.5);
    else if (event.key === "-" || event.key === "_") this.zoom(1 / 1.5);
    else if (event.key === "0") this.fit();
    else if (event.key === "Enter" || event.key === " ") this.listeners.picked(row, column, event.shiftKey);
    else return;
    event.preventDefault();
  }
}
