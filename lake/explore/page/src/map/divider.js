/** The line between two slices that lie side by side on the map: dragged, or moved by the arrow keys. */

const [STEP, WIDE, LEAST] = [0.02, 0.1, 0.02];

const get = (id) => document.getElementById(id);

export class Divider {
  /** moved(share): tells of another share of the width that the first slice has. */
  constructor(moved) {
    const line = get("divider");
    const drag = (event) => {
      const box = line.parentElement.getBoundingClientRect();
      moved(within((event.clientX - box.left) / box.width));
    };
    line.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      event.stopPropagation();
      line.setPointerCapture(event.pointerId);
    });
    line.addEventListener("pointermove", (event) => line.hasPointerCapture(event.pointerId) && drag(event));
    line.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const step = event.shiftKey ? WIDE : STEP;
      const by = { ArrowLeft: -step, ArrowDown: -step, ArrowRight: step, ArrowUp: step, PageDown: -WIDE, PageUp: WIDE, Home: -1, End: 1 }[event.key];
      if (!by) return;
      event.preventDefault();
      moved(within(this.share + by));
    });
  }

  /** Show it, between slices of these names; undefined: there is nothing to divide. */
  show(share, names) {
    const line = get("divider");
    const labels = [...line.parentElement.querySelectorAll(".beside")];
    for (const each of [line, ...labels]) each.hidden = names === undefined;
    this.share = share;
    if (!names) return;
    const percent = Math.round(100 * share);
    line.parentElement.style.setProperty("--at", `${100 * share}%`);
    line.setAttribute("aria-valuenow", String(percent));
    line.setAttribute("aria-valuetext", `${percent} % ${names[0]}, then ${names[1]}`);
    labels.forEach((label, n) => (label.firstChild.textContent = [`◂ ${names[0]}`, `${names[1]} ▸`][n]));
  }
}

function within(share) {
  return Math.min(1 - LEAST, Math.max(LEAST, share));
}
