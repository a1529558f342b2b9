/** Objects of the lake by plain HTTP: whole ones and ranges of bytes, and what to say if there is none. */

const TRIES = 3;
const WAIT_MS = 300;

/** What went wrong, where, and what to do next. */
export class LakeError extends Error {
  constructor(what, next = "") {
    super(next ? `${what}. ${next}` : what);
    this.name = "LakeError";
  }
}

export class Objects {
  /** `base`: URL of the folder that holds them. */
  constructor(base) {
    this.base = new URL(base.endsWith("/") ? base : `${base}/`, globalThis.document?.baseURI);
    this.requests = 0;
    this.bytes = 0;
  }

  url(path) {
    return new URL(path, this.base).href;
  }

  /** The bytes of an object, or of a range (`bytes=...`) of it; undefined if there is no such object. */
  async get(path, range) {
    const headers = range ? { Range: range } : {};
    const response = await this.#asked(this.url(path), { headers });
    // a bucket that forbids to list answers 403 for what is not there
    if (response.status === 404 || response.status === 403) return undefined;
    if (response.status !== 200 && response.status !== 206) {
      throw new LakeError(
        `${this.url(path)} was refused with status ${response.status} ${response.statusText}`,
        "Check that the lake may be read from here, then load the page again",
      );
    }
    if (range && response.status === 200) {
      throw new LakeError(
        `The server of ${this.url(path)} knows no ranges of bytes`,
        "Serve the lake from a bucket, or by 'lake explore'",
      );
    }
    const body = new Uint8Array(await response.arrayBuffer());
    this.bytes += body.length;
    return body;
  }

  /** An object that must be there, as JSON. */
  async json(path, next = "Check the URL of the lake") {
    const body = await this.get(path);
    if (!body) throw Object.assign(new LakeError(`There is no object ${this.url(path)}`, next), { isMissing: true });
    return JSON.parse(new TextDecoder().decode(body));
  }

  /** A fetch, made again where that may help. */
  async #asked(url, options) {
    for (let tried = 1; ; tried++) {
      this.requests++;
      try {
        const response = await fetch(url, options);
        if (response.status < 500 || tried === TRIES) return response;
      } catch {
        if (tried === TRIES) {
          throw new LakeError(
            `The lake cannot be reached at ${url}`,
            "Check the network and that 'lake explore' still runs, or that the bucket allows this " +
              "page's origin (CORS), then try again",
          );
        }
      }
      await new Promise((resolve) => setTimeout(resolve, WAIT_MS * tried));
    }
  }
}
