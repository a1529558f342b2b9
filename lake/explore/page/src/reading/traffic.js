/** What the page reads from the lake right now, workers included: how much, and how long nothing came; it can be stopped. */

const SILENT_MS = 8000;

class Traffic {
  constructor() {
    this.listeners = new Set();
    this.controller = new AbortController();
    this.requests = 0; // under way
    this.bytes = 0; // since nothing was under way
    this.sign = 0; // when something came last
  }

  /** Ends all requests that are under way when it is aborted. */
  get signal() {
    return this.controller.signal;
  }

  begin() {
    if (!this.requests++) this.bytes = 0;
    this.#changed("begin");
  }

  took(bytes) {
    this.bytes += bytes;
    this.#changed("took", bytes);
  }

  end() {
    this.requests--;
    this.#changed("end");
  }

  stop() {
    this.controller.abort();
    this.controller = new AbortController();
  }

  /** Seconds since anything came, where that is long; 0 elsewhere. */
  get silence() {
    const waited = performance.now() - this.sign;
    return this.requests && waited > SILENT_MS ? Math.round(waited / 1000) : 0;
  }

  #changed(what, bytes) {
    this.sign = performance.now();
    for (const listener of this.listeners) listener(what, bytes);
  }
}

export const traffic = new Traffic();
