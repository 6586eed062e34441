import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { isComplete, type Manifest, readManifest } from "./manifest.ts";

const manifest: Manifest = {
  kx: 1,
  version: "1.2.3",
  files: { "bin/a": { sha256: "0".repeat(64), size: 4, origin: "build", from: "go1.26" } },
  links: { "bin/b": "a" },
};

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "kx-manifest-"));
  await mkdir(join(dir, "bin"));
  await writeFile(join(dir, "bin/a"), "text");
  await symlink("a", join(dir, "bin/b"));
});
afterEach(() => rm(dir, { recursive: true }));

const write = (text: string) => writeFile(join(dir, "manifest.json"), text);

it("is read back", async () => {
  await write(JSON.stringify(manifest));
  expect(await readManifest(dir)).toEqual(manifest);
});

it.each([
  ["half a file", JSON.stringify(manifest).slice(0, 40)],
  ["another format", JSON.stringify({ ...manifest, kx: 2 })],
  ["a list", "[]"],
  ["a path out of its folder", JSON.stringify({ ...manifest, files: { "../a": manifest.files["bin/a"] } })],
  ["an absolute path", JSON.stringify({ ...manifest, files: { "/bin/sh": manifest.files["bin/a"] } })],
  ["a link out of its folder", JSON.stringify({ ...manifest, links: { "bin/b": "../../etc/passwd" } })],
])("counts as missing when it is %s", async (_, text) => {
  await write(text);
  expect(await readManifest(dir)).toBeUndefined();
});

it("is complete only with every file in its size and every link as it was", async () => {
  expect(await isComplete(dir, manifest)).toBe(true);
  await writeFile(join(dir, "bin/a"), "tex");
  expect(await isComplete(dir, manifest)).toBe(false);
  await writeFile(join(dir, "bin/a"), "text");
  await rm(join(dir, "bin/b"));
  expect(await isComplete(dir, manifest)).toBe(false);
  await symlink("/bin/sh", join(dir, "bin/b"));
  expect(await isComplete(dir, manifest)).toBe(false);
});
