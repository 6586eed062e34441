import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, expect, test } from "vitest";
import { excess, loadedBy, subpaths } from "./import-budget.ts";

const folder = mkdtempSync(join(tmpdir(), "kx-budget-"));
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return pathToFileURL(join(folder, name)).href;
}

test("sees what a module loads, also through another", () => {
  const inner = write("inner.mjs", 'import "node:http";');
  const outer = write("outer.mjs", 'import "./inner.mjs";');
  expect(loadedBy(outer)).toEqual(expect.arrayContaining([outer, inner, "node:http"]));
});

test("names a foreign file, a module of Node and too many bytes", () => {
  const [home, other] = [write("a.mjs", "1;22222"), write("b.mjs", "22222;")];
  const budget = { bytes: 5, builtins: [], packages: [] };
  expect(excess([home, other, "node:fs"], home, budget)).toEqual([
    expect.stringContaining("b.mjs, of another package"),
    "loads node:fs",
    "loads 7 bytes, 5 allowed",
  ]);
  expect(excess([home, other, "node:fs"], home, { bytes: 7, builtins: ["node:fs"] })).toEqual([]);
});

test("tells packages by the innermost folder node_modules", () => {
  const at = (path: string) => pathToFileURL(join(folder, "node_modules", path)).href;
  const files = ["@a/b/x.js", "@a/b/node_modules/c/y.js", "zod/index.js"].map(at);
  const budget = { packages: ["@a/b", "zod"] };
  expect(excess(files, "file:///elsewhere/", budget)).toEqual([
    expect.stringContaining("node_modules/c/y.js, of another package"),
  ]);
});

test("holds what executed plug-ins import", () => {
  const held = subpaths().filter(({ budget }) => budget !== undefined);
  const names = held.map(({ name }) => name);
  expect(names).toEqual(
    expect.arrayContaining(["@kx/core", "@kx/core/units", "@kx/core/grpc", "@kx/core/contracts/cni"]),
  );
  expect(names.filter((name) => name.startsWith("@kx/core/contracts/")).length).toBeGreaterThan(10);
});
