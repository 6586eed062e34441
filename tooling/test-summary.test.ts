import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "kx-summary-"));
symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
afterAll(() => rmSync(folder, { recursive: true }));

/** The last line of a run of vitest over one file of this text. */
function lastLine(text: string, config = ""): string | undefined {
  writeFileSync(join(folder, "a.test.mjs"), text);
  writeFileSync(join(folder, "set-up.mjs"), "export default () => { throw new Error('no set-up'); }");
  writeFileSync(join(folder, "vitest.config.mjs"), `export default { test: { include: ["a.test.mjs"], ${config} } };`);
  const reporters = ["--reporter=dot", `--reporter=${join(root, "tooling/test-summary.ts")}`];
  const args = [join(root, "node_modules/vitest/vitest.mjs"), "run", "--root", folder, ...reporters];
  return spawnSync(process.execPath, args, { encoding: "utf8" }).stdout.trimEnd().split("\n").at(-1);
}

const imports = 'import { beforeAll, describe, test } from "vitest";';

test("counts tests by their end", () => {
  const text = `${imports} test("a", () => {}); test.skip("b", () => {}); test("c", () => { throw new Error("c"); });`;
  expect(lastLine(text)).toBe("tests: 1 passed, 1 failed, 1 skipped");
});

test("counts a suite and a file that fail before their tests", () => {
  const text = `${imports} describe("a", () => { beforeAll(() => { throw new Error("a"); }); test("b", () => {}); });`;
  expect(lastLine(text)).toBe("tests: 0 passed, 1 failed, 1 skipped");
  expect(lastLine("throw new Error('early')")).toBe("tests: 0 passed, 1 failed, 0 skipped");
});

test("a global set-up that fails is a failure", () => {
  expect(lastLine(`${imports} test("a", () => {});`, 'globalSetup: ["./set-up.mjs"]')).toBe(
    "tests: 0 passed, 1 failed, 0 skipped",
  );
});
