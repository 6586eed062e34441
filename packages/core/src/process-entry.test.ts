import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, it } from "vitest";
import { processEntry } from "./process-entry.ts";

it.each([
  ["file:///a/src/b/src/host/isolated.ts", "file:///a/src/b/src/host/child.ts"],
  ["file:///a/src/b/dist/chunk-X7.js", "file:///a/src/b/dist/host/child.js"],
  ["file:///a/dist/host/index.js", "file:///a/dist/host/child.js"],
  ["file:///opt/plugin/main.js", "file:///opt/plugin/child.js"],
])("finds an entry from %s", (importer, entry) => {
  expect(processEntry("host/child", importer).href).toBe(entry);
});

it("finds an entry beside a bundle, also in a folder of such a name", () => {
  const folder = mkdtempSync(join(tmpdir(), "kx-entry-"));
  try {
    mkdirSync(join(folder, "dist"));
    const bundle = `${pathToFileURL(folder).href}/dist/main.js`;
    expect(processEntry("host/child", bundle).pathname).toBe(`${folder}/dist/host/child.js`);
    writeFileSync(join(folder, "dist/child.js"), "");
    expect(processEntry("host/child", bundle).pathname).toBe(`${folder}/dist/child.js`);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it("finds this package's entries", () => {
  for (const name of ["host/child", "linux/bounded-child", "linux/netlink-worker"]) {
    expect(existsSync(processEntry(name, import.meta.url)), name).toBe(true);
  }
});
