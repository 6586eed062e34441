// Programs bundled as ours are, in a folder without node_modules: what stands beside a bundle is all that it has.
import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { linuxAddonPath } from "@kx/core/linux";
import { bundle } from "@kx/tooling/tsup";
import { build } from "tsup";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const files = ["main.js", "bounded-child.js", "netlink-worker.js"];

describe.runIf(process.platform === "linux")("a bundled program of @kx/core/linux", () => {
  const folder = mkdtempSync(join(tmpdir(), "kx-bundle-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  beforeAll(async () => {
    const main = fileURLToPath(new URL("programs/bundled.ts", import.meta.url));
    await build({ ...bundle({ main }), outDir: join(folder, "built"), config: false });
  });

  /** What the program says in a folder of its own. */
  async function run(name: string, { withAddon }: { readonly withAddon: boolean }): Promise<unknown> {
    const home = join(folder, name);
    mkdirSync(home, { recursive: true });
    for (const file of files) copyFileSync(join(folder, "built", file), join(home, file));
    if (withAddon) copyFileSync(linuxAddonPath() ?? "", join(home, "koffi.node"));
    const { stdout } = await promisify(execFile)(process.execPath, ["main.js", home], { cwd: home, env: {} });
    return JSON.parse(stdout);
  }

  it.each(["opt", "src/app", "dist"])(
    "makes system calls in a folder %s, with koffi's addon beside it",
    async (name) => {
      const errno = process.getuid?.() === 0 ? "ENOENT" : "EPERM";
      expect(await run(name, { withAddon: true })).toEqual({
        stat: "folder",
        unmount: expect.stringContaining(`umount2 ${join(folder, name)}/none: ${errno}`),
        lock: true,
        // RTM_NEWLINK.
        netlink: 16,
      });
    },
  );

  it("says what is missing without the addon, and makes the calls that need none", async () => {
    const missing = expect.stringMatching(
      /^\[KX_LINUX_UNAVAILABLE\] system calls need .* koffi, which cannot be loaded: Cannot find module 'koffi' \(install koffi 3 beside @kx\/core, or put its addon koffi\.node beside a bundle/,
    );
    expect(await run("bare", { withAddon: false })).toEqual({
      stat: "folder",
      unmount: missing,
      lock: missing,
      netlink: missing,
    });
  });

  it("has beside it what the node agent has too", () => {
    expect(readdirSync(join(import.meta.dirname, "../../../../apps/node-agent/dist"))).toEqual(
      expect.arrayContaining(files),
    );
  });
});
