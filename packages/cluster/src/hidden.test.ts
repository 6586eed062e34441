import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { hiddenPaths } from "./hidden.ts";

it("hides every node in PATH with what it links to, the checkout and the state folder, each once", async () => {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "kx-hidden-")));
  try {
    const [bin, lib, state] = ["bin", "lib", "state"].map((name) => join(folder, name)) as [string, string, string];
    for (const path of [bin, lib, join(state, "bin")]) await mkdir(path, { recursive: true });
    await writeFile(join(lib, "node-24"), "");
    await symlink(join(lib, "node-24"), join(bin, "node"));
    await writeFile(join(state, "bin/node"), "");
    const hidden = hiddenPaths(state, { PATH: `${bin}:${join(state, "bin")}:relative` });
    expect(hidden).toEqual(expect.arrayContaining([join(bin, "node"), join(lib, "node-24"), state]));
    expect(hidden).not.toContain(join(state, "bin/node")); // it goes with its folder
    const roots = hidden.map((path) => path.replace(/\/$/, ""));
    const checkout = await realpath(join(import.meta.dirname, "../../.."));
    expect(roots.some((path) => checkout === path || checkout.startsWith(`${path}/`))).toBe(true);
    expect(hidden).not.toContain("/");
  } finally {
    await rm(folder, { recursive: true });
  }
});
