import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { systemClock } from "@kx/core";
import type { HostConfiguration } from "@kx/core/config";
import { loadExtensions, runHost } from "@kx/core/host";
import { collectingLogger } from "@kx/core/testing";
import { afterAll, describe, expect, it, vi } from "vitest";
import { makeMemoryCgroup } from "../support/memory-cgroup.ts";

type Settings = NonNullable<HostConfiguration["extensions"][number]["process"]>;

// Logs its rights at the start, and takes memory that is no heap if it is told to.
const probe = `
import { readFileSync } from "node:fs";
export const extension = {
  kx: 1,
  options: { "~standard": { version: 1, vendor: "test", validate: (value) => ({ value }) } },
  create: ({ growBytes = 0 }) => ({
    kx: 1, kind: "controller", name: "probe", version: "1", manifests: () => [],
    parts: ({ log }) => [{ name: "work", async start(signal, ready) {
      const status = readFileSync("/proc/self/status", "utf8");
      const field = (name) => new RegExp("^" + name + ":\\\\s*(.*)$", "m").exec(status)?.[1];
      const groups = process.getgroups();
      log.info({ uid: process.getuid(), gid: process.getgid(), groups, effective: field("CapEff"),
        bounding: field("CapBnd"), noNewPrivs: field("NoNewPrivs"), cgroup: readFileSync("/proc/self/cgroup", "utf8") }, "rights");
      ready();
      const hoard = [];
      for (let held = 0; held < growBytes; held += 2 ** 24) {
        hoard.push(Buffer.alloc(2 ** 24, 1));
        await new Promise(setImmediate);
      }
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    } }],
  }),
};`;

// Another user's process reads the package.
const folder = mkdtempSync(join(tmpdir(), "kx-isolation-"));
chmodSync(folder, 0o755);
mkdirSync(join(folder, "probe"));
writeFileSync(join(folder, "probe/index.js"), probe);
writeFileSync(join(folder, "probe/package.json"), '{ "name": "probe", "type": "module", "exports": "./index.js" }');
afterAll(() => rmSync(folder, { recursive: true }));

async function start(settings: Settings, options: Record<string, unknown> = {}) {
  const entry = { package: "probe", isolation: "process" as const, process: settings, options };
  const extensions = await loadExtensions(
    { apiVersion: "kx.dev/v1alpha1", kind: "HostConfiguration", extensions: [entry] },
    { resolveFrom: [`${folder}/`] },
  );
  const log = collectingLogger();
  const running = await runHost({ role: "node", extensions, log, clock: systemClock });
  // Output comes by another way than readiness, and may be later.
  const rights = () =>
    vi.waitFor(() => {
      const line = log.lines.find(({ message }) => message === "rights");
      if (line === undefined) throw new Error("it has not told its rights");
      return line.fields;
    }, 10_000);
  return { running, log, rights };
}

describe("an isolated extension of a host that is root", () => {
  it("has the user, the group and the capabilities that its configuration names, and no other", async () => {
    const at = await start({ user: 65534, capabilities: ["NET_BIND_SERVICE"] });
    await using _ = at.running;
    await at.running.ready;
    expect(await at.rights()).toMatchObject({
      uid: 65534,
      gid: 65534,
      groups: [65534],
      effective: "0000000000000400",
      bounding: "0000000000000400",
      noNewPrivs: "1",
    });
  });

  it("has no capability as another user, unless one is named", async () => {
    const at = await start({ user: 65534 });
    await using _ = at.running;
    await at.running.ready;
    expect(await at.rights()).toMatchObject({ effective: "0000000000000000", bounding: "0000000000000000" });
  });

  it("is refused for a user that does not exist", async () => {
    await expect(start({ user: "kx-nobody-has-this-name" })).rejects.toMatchObject({
      code: "KX_HOST_EXTENSION_ISOLATION",
      message: expect.stringMatching(/its process ended with exit code 1; it last said: .*setpriv/),
    });
  });

  const cgroup = makeMemoryCgroup("kx-test");
  afterAll(() => cgroup?.[Symbol.asyncDispose]());
  // faulty-extensions.test.ts has one that the kernel kills for sure.
  it.runIf(cgroup !== undefined)(
    "lives in a cgroup of its own, whose limit holds, and which goes with it",
    async () => {
      const path = cgroup?.path ?? "";
      const at = await start({ cgroup: path, memoryLimitBytes: 128 * 1024 ** 2 }, { growBytes: 2 ** 31 });
      await vi.waitFor(() => {
        expect(at.log.lines.find((line) => line.message === "runnable failed")?.fields["err"]).toMatchObject({
          code: "KX_HOST_PROCESS_MEMORY",
          message: expect.stringMatching(/reached the limit of its cgroup|held \d+ MiB/),
        });
      }, 30_000);
      expect((await at.rights())["cgroup"]).toContain(`${basename(path)}/kx-probe`);
      await at.running.stop();
      expect(existsSync(join(path, "kx-probe"))).toBe(false);
    },
  );
});
