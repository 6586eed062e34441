import { existsSync } from "node:fs";
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

it("finds this package's entries", () => {
  for (const name of ["host/child", "linux/bounded-child", "linux/netlink-worker"]) {
    expect(existsSync(processEntry(name, import.meta.url)), name).toBe(true);
  }
});
