#!/usr/bin/env node
// Committed, so that npm links the command before anything is built.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 19)) {
  console.error(`error: kx needs Node.js 22.19 or newer, and this is ${process.version}`);
  process.exit(1);
}
const main = new URL("../dist/main.js", import.meta.url);
if (!existsSync(fileURLToPath(main))) {
  console.error("error: kx is not built yet: run `npm run build` in the kx checkout, then try again");
  process.exit(1);
}
await import(main.href);
