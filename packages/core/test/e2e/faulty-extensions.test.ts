import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@kx/core";
import type { HostConfiguration } from "@kx/core/config";
import { type IsolationOptions, loadExtensions, runHost } from "@kx/core/host";
import { collectingLogger } from "@kx/core/testing";
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { makeMemoryCgroup } from "../support/memory-cgroup.ts";

type Entry = HostConfiguration["extensions"][number];

// Serves its process id on a socket and, once a file tells it to, does what no extension should.
const program = `
import { openSync, readFileSync, rmSync, unlinkSync, writeSync } from "node:fs";
import { createServer } from "node:http";
const hoard = [];
const deeds = {
  serve() {},
  throw() { throw new Error("lost my footing"); },
  abort() { process.abort(); },
  segfault() { process.kill(process.pid, "SIGSEGV"); },
  exit() { process.exit(0); },
  block() { for (;;); },
  // Numbers, which cost the collector nothing: with objects it needs so much on the side that the process is too large first.
  heap() { hoard.push(new Array(2 ** 18).fill(0.5)); },
  // Memory that is neither heap nor resident in the process, so that only its cgroup counts it.
  shared() {
    const path = "/dev/shm/kx-faulty-" + process.pid;
    const fd = openSync(path, "w");
    unlinkSync(path);
    for (const mebibyte = Buffer.alloc(2 ** 20, 1); ; ) writeSync(fd, mebibyte);
  },
};
export const extension = {
  kx: 1,
  options: { "~standard": { version: 1, vendor: "test", validate: (value) => ({ value }) } },
  create: ({ name, folder }) => ({
    kx: 1, kind: "controller", name, version: "1", manifests: () => [],
    parts: () => [{
      name: "work",
      async start(signal, ready) {
        const path = folder + "/" + name;
        rmSync(path + ".sock", { force: true });
        const server = createServer((_, response) => response.end(String(process.pid)));
        await new Promise((resolve) => server.listen(path + ".sock", resolve));
        ready();
        const timer = setInterval(() => deeds[readFileSync(path, "utf8")](), 1);
        await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
        clearInterval(timer);
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      },
    }],
  }),
};`;

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "kx-faulty-"));
  mkdirSync(join(folder, "talker"));
  writeFileSync(join(folder, "talker/index.js"), program);
  writeFileSync(join(folder, "talker/package.json"), '{ "name": "talker", "type": "module", "exports": "./index.js" }');
});
afterEach(() => rmSync(folder, { recursive: true }));

function order(name: string, deed: string): void {
  // A file that is being written is empty for a moment.
  writeFileSync(join(folder, `${name}.new`), deed);
  renameSync(join(folder, `${name}.new`), join(folder, name));
}

/** The process id that an extension answers with. */
function ask(name: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath: join(folder, `${name}.sock`), agent: false, timeout: 30_000 }, (response) => {
      response.setEncoding("utf8").on("data", (text: string) => resolve(Number(text)));
      response.on("error", reject);
    });
    call.on("timeout", () => call.destroy(new Error("no answer within 30 s")));
    call.on("error", reject).end();
  });
}

/** Asks an extension again and again, until it is told to stop; every answer has to be the same. */
function keepAsking(name: string) {
  const stop = new AbortController();
  const answers = new Map<number | string, number>();
  const asking = (async () => {
    while (!stop.signal.aborted) {
      const answer = await ask(name).catch(String);
      answers.set(answer, (answers.get(answer) ?? 0) + 1);
      await systemClock.sleep(5);
    }
  })();
  return async () => {
    stop.abort();
    await asking;
    return answers;
  };
}

async function start(faulty: Partial<Entry>, isolation: IsolationOptions) {
  const entry = (name: string, more: Partial<Entry>): Entry => {
    order(name, "serve");
    return { package: "talker", options: { name, folder }, ...more };
  };
  const extensions = [
    entry("faulty", { isolation: "process", ...faulty }),
    entry("beside", { isolation: "process" }),
    entry("inside", {}),
  ];
  const configuration = { apiVersion: "kx.dev/v1alpha1", kind: "HostConfiguration", extensions } as const;
  const log = collectingLogger();
  const running = await runHost({
    role: "node",
    extensions: await loadExtensions(configuration, { resolveFrom: [`${folder}/`], isolation }),
    log,
    clock: systemClock,
    backoff: { baseMs: 200, random: () => 0 },
  });
  const failures = () => log.lines.filter(({ message }) => message === "runnable failed").map(({ fields }) => fields);
  return { running, failures };
}

interface Fault {
  readonly deed: string;
  readonly code: string;
  readonly text: RegExp;
  readonly process?: NonNullable<Entry["process"]>;
  readonly isolation?: IsolationOptions;
}

const mebibyte = 1024 ** 2;
const pid = "\\(pid \\d+\\)";
const faults: readonly Fault[] = [
  {
    deed: "throw",
    code: "KX_HOST_PROCESS_ENDED",
    text: new RegExp(`faulty ${pid} ended with exit code 1; it last said: .*lost my footing`),
  },
  { deed: "abort", code: "KX_HOST_PROCESS_ENDED", text: new RegExp(`faulty ${pid} was ended by SIGABRT`) },
  { deed: "segfault", code: "KX_HOST_PROCESS_ENDED", text: new RegExp(`faulty ${pid} was ended by SIGSEGV`) },
  { deed: "exit", code: "KX_HOST_PROCESS_ENDED", text: new RegExp(`faulty ${pid} ended with exit code 0`) },
  {
    deed: "block",
    code: "KX_HOST_PROCESS_BLOCKED",
    text: new RegExp(`faulty ${pid} gave no sign of life for 5 s and was killed \\(find what blocks its event loop`),
    isolation: { heartbeatTimeoutMs: 5000 },
  },
  {
    // So large that the heap, three quarters of it, is full before the process as a whole is too large.
    deed: "heap",
    code: "KX_HOST_PROCESS_MEMORY",
    text: new RegExp(
      `faulty ${pid} filled its heap, its memory limit is 512 MiB; it was killed \\(raise extensions\\[0\\]`,
    ),
    process: { memoryLimitBytes: 512 * mebibyte },
    isolation: { heartbeatTimeoutMs: 60_000 },
  },
];

async function showFault({ deed, code, text, process: settings, isolation = {} }: Fault): Promise<void> {
  const at = await start(settings === undefined ? {} : { process: settings }, isolation);
  await using _ = at.running;
  await at.running.ready;
  const was = await ask("faulty");
  const neighbours = ["beside", "inside"] as const;
  const before = await Promise.all(neighbours.map(ask));
  const ends = neighbours.map(keepAsking);
  order("faulty", deed);
  await vi.waitFor(() => expect(at.failures().length).toBeGreaterThanOrEqual(2), 60_000);
  order("faulty", "serve");
  const now = await vi.waitFor(async () => {
    expect(at.running.status()[0]).toMatchObject({ isReady: true });
    return ask("faulty");
  }, 60_000);
  const answers = await Promise.all(ends.map((end) => end()));
  expect(now).not.toBe(was);
  // Nothing but answers, all from the process that answered before.
  expect(answers.map((counts) => [...counts.keys()])).toEqual(before.map((one) => [one]));
  expect(before[1]).toBe(process.pid);
  for (const counts of answers) expect([...counts.values()][0]).toBeGreaterThan(2);
  const failures = at.failures();
  for (const [index, fields] of failures.entries()) {
    expect(fields).toMatchObject({ extension: "faulty", runnable: "process", failures: index + 1 });
    expect(fields["restartInMs"]).toBe(100 * 2 ** index);
    expect(fields["err"]).toMatchObject({ code, message: expect.stringMatching(text) });
  }
}

describe("an extension in a process of its own, whose neighbours answer all the time", () => {
  it.each(faults)("is started again with growing waits and a clear text after it: $deed", showFault);

  const cgroup = makeMemoryCgroup("kx-faulty");
  afterAll(() => cgroup?.[Symbol.asyncDispose]());
  it.runIf(cgroup !== undefined)("is so too after the kernel killed it for want of memory in its cgroup", async () => {
    await showFault({
      deed: "shared",
      code: "KX_HOST_PROCESS_MEMORY",
      text: new RegExp(`faulty ${pid} reached the limit of its cgroup, its memory limit is 256 MiB; it was killed`),
      process: { memoryLimitBytes: 256 * mebibyte, cgroup: cgroup?.path ?? "" },
    });
  });
});
