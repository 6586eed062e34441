import { execFile } from "node:child_process";
import { cp, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureAssets, startControlPlane } from "@kx/cluster";
import { expectNoLeaks, takeSnapshot } from "@kx/cluster/testing";
import { describe, expect, it } from "vitest";
import { eventually, kubectl } from "./eventually.ts";

describe("a control plane alone", () => {
  it("serves the API, with a controller manager and scheduler if asked, and leaves nothing", async () => {
    const before = await takeSnapshot();
    const temporary = (await readdir(tmpdir())).filter((name) => name.startsWith("kx-"));
    const controlPlane = await startControlPlane({ controllerManager: true, scheduler: true });
    try {
      const names = (await controlPlane.processes()).map((process) => process.name);
      expect(names).toEqual(["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"]);
      await kubectl(controlPlane, ["create", "deployment", "web", "--image=nginx"]);
      const pods = await eventually(
        async () => (await kubectl(controlPlane, ["get", "pods", "-o", "name"])) || undefined,
      );
      expect(pods).toMatch(/^pod\/web-/);
      await controlPlane.restartApiServer();
      await controlPlane.compactEtcd();
      expect(await kubectl(controlPlane, ["get", "--raw", "/readyz"])).toBe("ok");
    } finally {
      await controlPlane.stop();
    }
    await expectNoLeaks(before, { timeoutMs: 10_000 });
    expect((await readdir(tmpdir())).filter((name) => name.startsWith("kx-"))).toEqual(temporary);
  });

  it("runs as an unprivileged user", async () => {
    // That user may read neither root's cache nor, where it lies in root's home, the checkout.
    const folder = await mkdtemp(join(tmpdir(), "kxu-"));
    try {
      const assets = await ensureAssets({ names: ["etcd", "kube-apiserver", "kubectl"] });
      await cp(assets.dir, join(folder, "assets"), { recursive: true, verbatimSymlinks: true });
      await cp(process.execPath, join(folder, "node"));
      for (const name of ["core", "cluster"]) {
        const from = join(import.meta.dirname, "../../..", name);
        await cp(join(from, "dist"), join(folder, "node_modules/@kx", name, "dist"), { recursive: true });
        await cp(join(from, "package.json"), join(folder, "node_modules/@kx", name, "package.json"));
      }
      await cp(join(import.meta.dirname, "../../go"), join(folder, "node_modules/@kx/cluster/go"), { recursive: true });
      const modules = join(import.meta.dirname, "../../../../node_modules");
      for (const name of await runtimeDependencies(modules)) {
        await cp(join(modules, name), join(folder, "node_modules", name), { recursive: true });
      }
      await writeFile(
        join(folder, "run.mjs"),
        `import { startControlPlane } from "@kx/cluster";
         await using controlPlane = await startControlPlane();
         const { stdout } = await controlPlane.kubectl(["auth", "whoami", "-o", "jsonpath={.status.userInfo.groups}"]);
         console.log(process.getuid(), stdout);`,
      );
      await chmodTree(folder);
      const { stdout } = await run(join(folder, "node"), [join(folder, "run.mjs")], {
        cwd: folder,
        env: { PATH: process.env["PATH"] ?? "", HOME: folder, KX_ASSETS: join(folder, "assets") },
        uid: 65534,
        gid: 65534,
      });
      expect(stdout).toMatch(/^65534 .*system:masters/);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

/** Everything that @kx/cluster's dependencies install, at the top of node_modules. */
async function runtimeDependencies(modules: string): Promise<string[]> {
  const scoped = (await readdir(join(modules, "@peculiar"))).map((name) => `@peculiar/${name}`);
  const others = [
    "modern-tar",
    "reflect-metadata",
    "yaml",
    "pvtsutils",
    "pvutils",
    "asn1js",
    "tslib",
    "tsyringe",
    "bytestreamjs",
  ];
  const present = new Set(await readdir(modules));
  return [...scoped, ...others.filter((name) => present.has(name))];
}

async function chmodTree(folder: string): Promise<void> {
  await run("chmod", ["-R", "go+rX", folder], {});
  await run("chown", ["65534:65534", folder], {});
}

function run(
  command: string,
  args: string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv; uid?: number; gid?: number },
): Promise<{ stdout: string }> {
  return new Promise((resolve, reject) => {
    execFile(command, args, { ...options, timeout: 60_000 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${command}: ${error.message}\n${stderr}`, { cause: error }));
      else resolve({ stdout });
    });
  });
}
