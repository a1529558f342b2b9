/** Objects of the lake by plain HTTP: whole ones and ranges of bytes, and what to say if there is none. */

import { traffic } from "./traffic.js";

const TRIES = 3;
const WAIT_MS = 300;
const HAS_TRIED = new Set([502, 504]); // of a server that asked another one, some times

/** What went wrong, where, and what to do next. */
export class LakeError extends Error {
  constructor(what, next = "") {
    super(next ? `${what}. ${next}` : what);
    this.name = "LakeError";
  }
}

/** Somebody stopped it. */
export class Stopped extends LakeError {
  constructor() {
    super("Reading was stopped", "Choose again what to show");
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
    traffic.begin();
    try {
      return await this.#body(await this.#asked(this.url(path), { headers, signal: traffic.signal }), path, range);
    } catch (error) {
      throw error.name === "AbortError" ? new Stopped() : error;
    } finally {
      traffic.end();
    }
  }

  async #body(response, path, range) {
    // a bucket that forbids to list answers 403 for what is not there
    if (response.status === 404 || response.status === 403) return undefined;
    if (response.status !== 200 && response.status !== 206) {
      throw new LakeError(
        `${this.url(path)} was refused with status ${response.status} ${response.statusText}${await reason(response)}`,
        "Check that the lake may be read from here, then load the page again",
      );
    }
    if (range && response.status === 200) {
      throw new LakeError(
        `The server of ${this.url(path)} knows no ranges of bytes`,
        "Serve the lake from a bucket, or by 'lake explore'",
      );
    }
    const parts = [];
    for (const reader = response.body.getReader(); ; ) {
      const { done, value } = await reader.read();
      if (done) break;
      parts.push(value);
      this.bytes += value.length;
      traffic.took(value.length);
    }
    return joined(parts);
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
        if (response.status < 500 || HAS_TRIED.has(response.status) || tried === TRIES) return response;
      } catch (error) {
        if (error.name === "AbortError") throw error;
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

/** What a server says of a refusal, if that is plain text. */
async function reason(response) {
  if (!response.headers.get("Content-Type")?.startsWith("text/plain")) return "";
  return `: ${(await response.text()).trim().slice(0, 300)}`;
}

function joined(parts) {
  if (parts.length === 1) return parts[0];
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let start = 0;
  for (const part of parts) {
    whole.set(part, start);
    start += part.length;
  }
  return whole;
}
