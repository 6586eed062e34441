#!/usr/bin/env node
// Committed, so that npm links the command before anything is built.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const main = new URL("../dist/bin/kx-csi-sidecar.js", import.meta.url);
if (!existsSync(fileURLToPath(main))) {
  console.error("error: kx is not built yet: run `npm run build` in the kx checkout, then try again");
  process.exit(1);
}
await import(main.href);
