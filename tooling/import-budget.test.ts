import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, expect, test } from "vitest";
import { excess, loadedBy } from "./import-budget.ts";

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
  const [home, other] = [write("a.mjs", "1;"), write("b.mjs", "22222;")];
  expect(excess([home, other, "node:fs"], home, { bytes: 5, builtins: [] })).toEqual([
    expect.stringContaining("b.mjs, of another package"),
    "loads node:fs",
    "loads 8 bytes, 5 allowed",
  ]);
  expect(excess([home, "node:fs"], home, { bytes: 5, builtins: ["node:fs"] })).toEqual([]);
});
