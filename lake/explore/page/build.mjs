// Writes what the page needs beside static files: `node build.mjs FOLDER`. The same sources and package-lock.json give the same bytes.

import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { argv } from "node:process";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";
import wabt from "wabt";

const here = dirname(fileURLToPath(import.meta.url));
const out = argv[2];

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });

const ZSTD = "node_modules/zstddec/dist/zstddec.mjs";

/** Zstandard as zstddec compiled it; its own loader would fetch a `data:` URL, which the page's policy forbids. */
const zstandard = {
  name: "zstd",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /\/zstd\.wasm$/ }, () => ({ path: ZSTD, namespace: "zstd" }));
    onLoad({ filter: /.*/, namespace: "zstd" }, ({ path }) => {
      const [, text] = readFileSync(join(here, path), "utf8").match(/wasm = "([A-Za-z0-9+/=]+)"/);
      return { contents: Buffer.from(text, "base64"), loader: "binary" };
    });
  },
};

const assembled = {
  name: "wat",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /\.wasm$/ }, ({ path, resolveDir }) => ({
      path: relative(here, join(resolveDir, path.replace(/wasm$/, "wat"))), // names go into hashes
      namespace: "wat",
    }));
    onLoad({ filter: /.*/, namespace: "wat" }, async ({ path }) => {
      const { parseWat } = await wabt();
      const module = parseWat(path, readFileSync(join(here, path), "utf8"), { simd: true });
      return { contents: module.toBinary({}).buffer, loader: "binary" };
    });
  },
};

await build({
  absWorkingDir: here,
  entryPoints: { explore: "src/main.js", worker: "src/vectors/worker.js", blosc: "src/reading/blosc.js" },
  outdir: out,
  bundle: true,
  splitting: true,
  format: "esm",
  target: "es2022",
  minify: true,
  legalComments: "none",
  chunkNames: "part-[hash]",
  alias: {
    "numcodecs/blosc": "./src/reading/blosc.js", // its own makes functions from text, which the page's policy forbids
    // no array of the lake that the page reads is packed by these
    "numcodecs/zstd": "./src/reading/unpacked.js",
    "numcodecs/lz4": "./src/reading/unpacked.js",
  },
  plugins: [zstandard, assembled],
});
