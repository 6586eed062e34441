import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { systemClock } from "../clock.ts";
import type { HostConfiguration } from "../config/index.ts";
import { KxError } from "../error.ts";
import type { Extension } from "../extension.ts";
import { createMetrics } from "../metrics/index.ts";
import { type CollectingLogger, collectingLogger } from "../testing/index.ts";
import { type IsolationOptions, loadExtensions, type Running, runHost } from "./index.ts";

type Entry = HostConfiguration["extensions"][number];

// Does what a file tells it to, so that each of its lives can fare differently.
const frail = `
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
const deeds = {
  serve() {},
  throw() { throw new Error("lost my footing"); },
  exit() { process.exit(0); },
  block() { console.log("blocking"); for (;;); },
  grow() { hoard.push(Buffer.alloc(16 * 1024 * 1024, 1)); },
  fill() { for (;;) hoard.push(Array.from({ length: 10_000 }, (_, index) => ({ index }))); },
  orphan() { execFile("sleep", ["1000"], () => {}).unref(); process.exit(3); },
};
const hoard = [];
export const extension = {
  kx: 1,
  options: { "~standard": { version: 1, vendor: "test", validate: (value) =>
    typeof value.file === "string" ? { value } : { issues: [{ message: "must be a path", path: ["file"] }] } } },
  create: (options) => ({
    kx: 1, kind: "controller", name: "frail", version: "1.2.3",
    manifests: ({ namespace }) => [{ apiVersion: "v1", kind: "Pod", metadata: { name: "frail-" + process.pid, namespace } }],
    metrics: () => [{ name: "frail_depth", help: "Depth.", type: "gauge", samples: [{ labels: {}, value: 2 }] }],
    parts: ({ log, role, metrics }) => [{
      name: "work",
      async start(signal, ready) {
        metrics?.gauge({ name: "frail_size", help: "Size." }).set(Infinity);
        log.info({ role, pid: process.pid, size: 3n }, "frail works");
        ready();
        setInterval(() => deeds[readFileSync(options.file, "utf8")](), 10);
        await new Promise((resolve) => {
          if (!options.deaf) signal.addEventListener("abort", resolve, { once: true });
        });
        log.info({}, "frail drained");
      },
    }],
  }),
};`;
const packages: Record<string, string> = {
  frail,
  quits: "process.exit(7);",
  hangs: "await new Promise(() => setInterval(() => {}, 1000));",
  // TypeScript, which Node does not run in a folder node_modules, and which imports what is not installed beside it.
  lent: `import { defineExtension, type Extension } from "@kx/core";
    const options = { "~standard": { version: 1 as const, vendor: "test", validate: (value: unknown) => ({ value }) } };
    const create = (): Extension =>
      ({ kx: 1, kind: "controller", name: "lent", version: "1", parts: () => [], manifests: () => [] });
    export const extension = defineExtension({ options, create });`,
  broken: "export const extension = {;",
};

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "kx-isolated-"));
  for (const [name, text] of Object.entries(packages)) {
    const at = join(folder, name);
    await mkdir(at);
    const file = name === "lent" ? "./index.ts" : "./index.js";
    await writeFile(join(at, file), text);
    const manifest = { name, type: "module", exports: { import: file } };
    await writeFile(join(at, "package.json"), JSON.stringify(manifest));
  }
});
afterAll(() => rm(folder, { recursive: true }));

function load(isolation: IsolationOptions, ...extensions: Entry[]) {
  const configuration = { apiVersion: "kx.dev/v1alpha1", kind: "HostConfiguration", extensions } as const;
  return loadExtensions(configuration, { resolveFrom: [`${folder}/`], isolation });
}

const neighbour: Extension = {
  kx: 1,
  kind: "controller",
  name: "neighbour",
  version: "1",
  manifests: () => [],
  parts: () => [
    {
      name: "work",
      async start(signal, ready) {
        ready();
        await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      },
    },
  ],
};

interface Lab extends AsyncDisposable {
  readonly running: Running;
  /** The host's `/metrics`. */
  metrics(): Promise<string>;
  readonly log: CollectingLogger;
  /** Tells the extension what to do from now on. */
  order(deed: string): Promise<void>;
  pid(): number;
  ready(): Promise<void>;
  /** The fields of each failure of the process that the host has logged. */
  failures(): readonly Readonly<Record<string, unknown>>[];
}

let labs = 0;
async function lab(more: Partial<Entry> = {}, isolation: IsolationOptions = {}): Promise<Lab> {
  const file = join(folder, `order-${++labs}`);
  const order = async (deed: string) => {
    // A file that is being written is empty for a moment.
    await writeFile(`${file}.new`, deed);
    await rename(`${file}.new`, file);
  };
  await order("serve");
  const { options, ...rest } = more;
  const entry: Entry = { package: "frail", options: { file, ...options }, isolation: "process", ...rest };
  const log = collectingLogger();
  const running = await runHost({
    role: "node",
    extensions: [...(await load(isolation, entry)), neighbour],
    log,
    clock: systemClock,
    health: { port: 0 },
    metrics: await createMetrics(),
    backoff: { baseMs: 100, random: () => 0 },
  });
  await running.ready;
  const status = () => running.status()[0];
  return {
    running,
    metrics: async () => (await fetch(`${running.healthUrl}/metrics`)).text(),
    log,
    order,
    pid: () => status()?.pid ?? 0,
    ready: () => vi.waitFor(() => expect(status()).toMatchObject({ isReady: true }), 10_000),
    failures: () => log.lines.filter((line) => line.message === "runnable failed").map((line) => line.fields),
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe("an extension in a process of its own", () => {
  it("is lent the host's @kx packages", async () => {
    const [lent] = await load({}, { package: "lent", isolation: "process" });
    expect(lent).toMatchObject({ name: "lent", isolation: "process" });
  });

  it("is shown as such, logs through the host, and drains before it ends", async () => {
    await using at = await lab();
    const response = await fetch(`${at.running.healthUrl}/extensions`);
    expect(await response.json()).toEqual({
      extensions: [
        {
          name: "frail",
          version: "1.2.3",
          kind: "controller",
          isolation: "process",
          isReady: true,
          pid: expect.any(Number),
          rssBytes: expect.any(Number),
          runnables: [
            { name: "frail/process", group: "worker", isReady: true, restarts: 0 },
            { name: "frail/work", group: "worker", isReady: true, restarts: 0 },
          ],
        },
        expect.objectContaining({ name: "neighbour", isolation: "shared", isReady: true }),
      ],
    });
    const pid = at.pid();
    expect(pid).not.toBe(process.pid);
    // Output comes by another way than readiness, and may be later.
    const works = () => at.log.lines.find((line) => line.message === "frail works");
    await vi.waitFor(() => expect(works()).toBeDefined(), 5000);
    expect(works()).toMatchObject({ level: "info", fields: { pid, size: "3", extension: "frail", role: "node" } });
    expect(await at.running.stop()).toEqual({ unstopped: [] });
    expect(at.log.messages()).toContain("frail drained");
    expect(isAlive(pid)).toBe(false);
    expect(at.failures()).toEqual([]);
  });

  it("shows what its process measures beside what the host does, for as long as it runs", async () => {
    await using at = await lab();
    const text = await at.metrics();
    expect(text).toContain('frail_size{extension="frail"} +Inf\n');
    expect(text).toContain('frail_depth{extension="frail"} 2\n');
    expect(text).toMatch(/^process_resident_memory_bytes\{extension="frail"\} \d{8}/m);
    await at.order("throw");
    await vi.waitFor(async () => expect(await at.metrics()).not.toContain("frail_size"), 15_000);
  });

  it("has its manifests rendered by a process of its own", async () => {
    const [loaded] = await load({}, { package: "frail", isolation: "process", options: { file: "/f" } });
    const [pod] = (await loaded?.manifests({ namespace: "n", image: "" })) ?? [];
    expect(pod).toMatchObject({
      kind: "Pod",
      metadata: { namespace: "n", name: expect.stringMatching(/^frail-\d+$/) },
    });
    expect(pod?.metadata.name).not.toBe(`frail-${process.pid}`);
  });

  it("is killed at once, and not taken for failed, when its host no longer leads", async () => {
    const file = join(folder, "order-led");
    await writeFile(file, "serve");
    const entry: Entry = { package: "frail", options: { file, deaf: true }, isolation: "process" };
    const [loaded] = await load({ stopTimeoutMs: 600_000 }, entry);
    const log = collectingLogger();
    const [part] = loaded?.parts({ role: "controller", log, clock: systemClock }) ?? [];
    expect(part?.group).toBe("leader");
    const term = new AbortController();
    const ready = Promise.withResolvers<void>();
    const life = part?.start(term.signal, ready.resolve);
    await ready.promise;
    term.abort(new KxError("KX_LEADER_LOST", "another leads"));
    await expect(life).resolves.toBeUndefined();
  });

  it("is started again with growing waits when it throws, and its neighbour does not notice", async () => {
    await using at = await lab();
    await at.order("throw");
    await vi.waitFor(() => expect(at.failures().length).toBeGreaterThanOrEqual(3), 10_000);
    const ready = await fetch(`${at.running.healthUrl}/readyz`);
    expect(await ready.text()).not.toContain("neighbour");
    await at.order("serve");
    await at.ready();
    expect(at.failures().slice(0, 3)).toEqual(
      [50, 100, 200].map((restartInMs, index) =>
        expect.objectContaining({ extension: "frail", runnable: "process", failures: index + 1, restartInMs }),
      ),
    );
    expect(at.failures()[0]?.["err"]).toMatchObject({
      code: "KX_HOST_PROCESS_ENDED",
      message: expect.stringMatching(/frail \(pid \d+\) ended with exit code 1; it last said: .*lost my footing/),
    });
    expect(at.log.lines).toContainEqual(
      expect.objectContaining({ level: "error", message: "uncaught error, the process ends" }),
    );
    const [frailStatus, neighbourStatus] = at.running.status();
    expect(frailStatus?.runnables[0]).toMatchObject({ lastFailure: expect.stringContaining("exit code 1") });
    expect(neighbourStatus?.runnables).toEqual([
      { name: "neighbour/work", group: "worker", isReady: true, restarts: 0 },
    ]);
  });

  it("is started again when it exits as if all were well", async () => {
    await using at = await lab();
    await at.order("exit");
    await vi.waitFor(() => expect(at.failures().length).toBeGreaterThanOrEqual(1), 10_000);
    expect(at.failures()[0]?.["err"]).toMatchObject({ message: expect.stringContaining("ended with exit code 0") });
    await at.order("serve");
    await at.ready();
  });

  it("is killed and started again when it blocks its event loop", async () => {
    await using at = await lab({}, { heartbeatTimeoutMs: 2000 });
    const pid = at.pid();
    await at.order("block");
    await vi.waitFor(
      () =>
        expect(at.log.lines.map((line) => line.fields)).toContainEqual(expect.objectContaining({ output: "blocking" })),
      10_000,
    );
    await at.order("serve");
    await vi.waitFor(() => expect(at.failures()).toHaveLength(1), 10_000);
    expect(at.failures()[0]?.["err"]).toMatchObject({
      code: "KX_HOST_PROCESS_BLOCKED",
      message: expect.stringContaining(`frail (pid ${pid}) gave no sign of life for 2 s and was killed`),
    });
    await at.ready();
    expect(at.pid()).not.toBe(pid);
  });

  it("is started again when its heap is full, and told from a crash", async () => {
    await using at = await lab({ process: { memoryLimitBytes: 192 * 1024 ** 2 } });
    await at.order("fill");
    await vi.waitFor(() => expect(at.failures().length).toBeGreaterThanOrEqual(1), 15_000);
    await at.order("serve");
    await at.ready();
    expect(at.failures()[0]?.["err"]).toMatchObject({
      code: "KX_HOST_PROCESS_MEMORY",
      message: expect.stringMatching(/(filled its heap|held \d+ MiB), its memory limit is 192 MiB/),
    });
  });

  it("is killed and started again when it holds more memory than it may", async () => {
    await using at = await lab({ process: { memoryLimitBytes: 160 * 1024 ** 2 } });
    await at.order("grow");
    await vi.waitFor(() => expect(at.failures().length).toBeGreaterThanOrEqual(1), 10_000);
    await at.order("serve");
    await at.ready();
    expect(at.failures()[0]?.["err"]).toMatchObject({
      code: "KX_HOST_PROCESS_MEMORY",
      message: expect.stringMatching(/held \d+ MiB, its memory limit is 160 MiB; it was killed/),
    });
  });

  it("is killed when it does not stop in time", async () => {
    await using at = await lab({ options: { deaf: true } }, { stopTimeoutMs: 300 });
    const pid = at.pid();
    expect(await at.running.stop()).toEqual({ unstopped: [] });
    expect(isAlive(pid)).toBe(false);
  });

  it("leaves nothing behind that it had started", async () => {
    await using at = await lab();
    const group = at.pid();
    await at.order("orphan");
    await vi.waitFor(() => expect(at.failures().length).toBeGreaterThanOrEqual(1), 10_000);
    await at.order("serve");
    await vi.waitFor(() => expect(isAlive(-group)).toBe(false), 5000);
  });

  it.runIf(process.platform === "linux")("dies with a host that is killed, also when it is blocked", async () => {
    const file = join(folder, "order-killed");
    await writeFile(file, "block");
    const program = join(folder, "host.ts");
    await writeFile(
      program,
      `import { loadExtensions, runHost } from ${JSON.stringify(new URL("index.ts", import.meta.url).href)};
       import { systemClock } from ${JSON.stringify(new URL("../clock.ts", import.meta.url).href)};
       import { createLogger } from ${JSON.stringify(new URL("../log/index.ts", import.meta.url).href)};
       const extensions = [{ package: "frail", isolation: "process", options: { file: ${JSON.stringify(file)} } }];
       const configuration = { apiVersion: "kx.dev/v1alpha1", kind: "HostConfiguration", extensions };
       const loaded = await loadExtensions(configuration, { resolveFrom: [${JSON.stringify(`${folder}/`)}] });
       await runHost({ role: "node", extensions: loaded, log: createLogger(), clock: systemClock });`,
    );
    const host = spawn(process.execPath, [program], { stdio: ["ignore", "ignore", "pipe"] });
    let pid = 0;
    for await (const line of createInterface({ input: host.stderr })) {
      pid = Number(/"pid":(\d+)/.exec(line)?.[1] ?? pid);
      if (line.includes('"output":"blocking"')) break;
    }
    expect(isAlive(pid)).toBe(true);
    host.kill("SIGKILL");
    await once(host, "exit");
    await vi.waitFor(() => expect(isAlive(pid)).toBe(false), 5000);
  });
});

describe("an extension that cannot be loaded in a process of its own", () => {
  it.each<[string, Partial<Entry>, RegExp]>([
    ["NOT_FOUND", { package: "@acme/none" }, /not found in .* \(MODULE_NOT_FOUND\)/],
    ["OPTIONS", { package: "frail", options: { file: 3 } }, /options\.file must be a path \(3\)/],
    ["IMPORT", { package: "quits" }, /its process ended with exit code 7/],
    ["IMPORT", { package: "broken" }, /Unexpected token ';', at .*broken\/index\.js:1/],
    ["IMPORT", { package: "hangs" }, /loading it took more than 0\.4 s/],
  ])("fails with %s for %j, as it would in the host's", async (code, entry, text) => {
    const options = { startTimeoutMs: entry.package === "hangs" ? 400 : 20_000 };
    const work = load(options, { package: "", isolation: "process", ...entry });
    await expect(work).rejects.toMatchObject({
      code: `KX_HOST_EXTENSION_${code}`,
      details: { package: entry.package, path: "extensions[0]" },
      message: expect.stringMatching(text),
    });
  });

  it("names a cgroup that does not exist", async () => {
    const cgroup = "/nonexistent/cgroup";
    const entry: Entry = { package: "frail", options: { file: "/f" }, isolation: "process", process: { cgroup } };
    await expect(load({}, { ...entry, process: { cgroup, memoryLimitBytes: 2 ** 28 } })).rejects.toMatchObject({
      code: "KX_HOST_EXTENSION_ISOLATION",
      message: expect.stringContaining("/nonexistent/cgroup"),
    });
  });
});
