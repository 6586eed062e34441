import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";

const run = promisify(execFile);
const built = fileURLToPath(new URL("../dist/main.js", import.meta.url));

// As on a node: the built file alone, with nothing beside it and no environment.
let folder = "";
let main = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "kx-agent-"));
  main = join(folder, "main.js");
  await copyFile(built, main);
});
afterAll(() => rm(folder, { recursive: true }));

async function start(...args: string[]) {
  const child = spawn(process.execPath, [main, ...args], { cwd: folder, env: {}, stdio: ["ignore", "pipe", "pipe"] });
  const exited = once(child, "exit");
  const lines = createInterface({ input: child.stderr });
  const [first] = await once(lines, "line", { signal: AbortSignal.timeout(15_000) });
  return { child, exited, first: String(first) };
}

describe("the node agent, copied to a place of its own", () => {
  it("shows its help", async () => {
    const { stdout } = await run(process.execPath, [main, "--help"], { cwd: folder, env: {} });
    expect(stdout).toContain("--node-name <string>");
  });

  it("serves health without any extension, until a signal", async () => {
    const { child, exited, first } = await start("--health-port=0", "--node-name=n1");
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(first)?.[0];
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    expect(await (await fetch(`${url}/metrics`)).text()).toMatch(/^process_resident_memory_bytes \d+$/m);
    child.kill("SIGTERM");
    expect(await exited).toEqual([0, null]);
  });

  it("runs an extension in a process of its own, with nothing to lend it", async () => {
    const at = join(folder, "extensions/alone");
    await mkdir(at, { recursive: true });
    await writeFile(join(at, "package.json"), '{ "name": "alone", "type": "module", "exports": "./index.js" }');
    await writeFile(
      join(at, "index.js"),
      `const start = (signal, ready) => (ready(), new Promise((stop) => signal.addEventListener("abort", stop)));
       const create = () => ({ kx: 1, kind: "controller", name: "alone", version: "1", manifests: () => [],
         parts: () => [{ name: "work", start }] });
       export const extension = { kx: 1, create, options: { "~standard": { validate: (value) => ({ value }) } } };`,
    );
    const config = join(folder, "isolated.yaml");
    const head = "apiVersion: kx.dev/v1alpha1\nkind: HostConfiguration\n";
    await writeFile(config, `${head}extensions: [{ package: alone, isolation: process }]\n`);
    const { child, exited, first } = await start(
      "--health-port=0",
      `--config=${config}`,
      `--extensions-dir=${folder}/extensions`,
    );
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(first)?.[0];
    await vi.waitFor(async () => expect((await fetch(`${url}/readyz`)).status).toBe(200), 10_000);
    const { extensions } = (await (await fetch(`${url}/extensions`)).json()) as { extensions: unknown };
    expect(extensions).toEqual([
      expect.objectContaining({ name: "alone", isolation: "process", pid: expect.any(Number) }),
    ]);
    child.kill("SIGTERM");
    expect(await exited).toEqual([0, null]);
  });

  it("brings the pod network, also for a process of its own, and says what that lacks", async () => {
    const head = "apiVersion: kx.dev/v1alpha1\nkind: HostConfiguration\n";
    for (const more of ["", ", isolation: process"]) {
      const config = join(folder, "network.yaml");
      await writeFile(config, `${head}extensions: [{ package: "@kx/cni/bridge", options: { bridge: "" }${more} }]\n`);
      const { exited, first } = await start("--health-port=0", "--config", config);
      expect(first).toMatch(/^error: \[KX_HOST_EXTENSION_OPTIONS\] extension @kx\/cni\/bridge .*options\.bridge/);
      expect(await exited).toEqual([2, null]);
    }
  });

  it("exits 2 and says why if its configuration is wrong", async () => {
    const config = join(folder, "host.yaml");
    await writeFile(
      config,
      "apiVersion: kx.dev/v1alpha1\nkind: HostConfiguration\nextensions: [{ package: '@kx/none' }]\n",
    );
    const { exited, first } = await start("--config", config);
    expect(first).toMatch(
      /^error: \[KX_HOST_EXTENSION_NOT_FOUND\] extension @kx\/none \(extensions\[0\]\).*host\.yaml/,
    );
    expect(await exited).toEqual([2, null]);
  });
});
