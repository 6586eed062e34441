// What bench/cni.ts runs in the network namespace that plays the node: measures, and prints the figures as JSON.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { JsonObject } from "@kx/core/contracts/cni";
import { makeNetns } from "../src/testing/netns.ts";
import { startBenchDaemon } from "./bench-daemon.ts";
import type { Figure, Figures } from "./figures.ts";
import { type BenchResult, startRunner } from "./runner.ts";
import { type BenchPod, type BenchWork, callOf, processCpuMs, type Side } from "./sides.ts";

const { values } = parseArgs({
  options: {
    go: { type: "string", default: "" },
    kx: { type: "string", default: "" },
    rounds: { type: "string", default: "100" },
    bursts: { type: "string", default: "3" },
    pods: { type: "string", default: "10000" },
  },
});
const rounds = Number(values.rounds);
const burstSize = 100;
const atOnce = 10;
const manyLeases = 4_000;

// A file system in memory, so that a slow disk does not decide; both sides use it.
const folder = mkdtempSync("/dev/shm/kx-cni-bench-");
await using stack = new AsyncDisposableStack();
stack.defer(() => rmSync(folder, { recursive: true }));
const daemon = stack.use(await startBenchDaemon(values.kx, join(folder, "run", "cni.sock")));
const runner = stack.use(startRunner(folder));
await sleep(1000);
const rssIdle = daemon.rssMiB();

const sides: readonly Side[] = [
  {
    name: "go",
    binDir: values.go,
    prefix: "",
    bridge: "cni0",
    subnet: "10.10.0.0/16",
    dataDir: join(folder, "go"),
    env: {},
    deletesLater: false,
    cpuMs: () => 0,
  },
  {
    name: "kx",
    binDir: values.kx,
    prefix: "kx-",
    bridge: "kx0",
    subnet: "10.11.0.0/16",
    dataDir: join(folder, "kx"),
    env: { KX_CNI_SOCKET: join(folder, "run", "cni.sock") },
    deletesLater: true,
    cpuMs: () => processCpuMs(daemon.pid),
  },
];

const pods: BenchPod[] = [];
for (let index = 0; index < burstSize; index++) {
  const netns = stack.use(await makeNetns());
  pods.push({ id: `pod-${index}`, netns: netns.path, port: 20_000 + index });
}

const figures = new Map<string, Figure[]>();
function note(name: string, side: Side, figure: Omit<Figure, "side">): void {
  figures.set(name, [...(figures.get(name) ?? []), { side: side.name, ...figure }]);
}

// A daemon runs for months: what its first hundreds of calls take while V8 compiles them is not measured.
await alternate(rounds, "", single);
figures.clear();
await alternate(rounds, "", single);
await alternate(rounds / 2, "chain ", chain);
await daemon.loopDelay();
await alternate(Number(values.bursts), "100 ", burst);
const loopDelay = await daemon.loopDelay();
const growth = await watchMemory(Number(values.pods));
for (const side of sides) fillLeases(side);
await alternate(rounds / 2, "4,000 leases ", async (side, pod, name) => {
  await single(side, pod, name);
});
const all: Figures = { figures: Object.fromEntries(figures), loopDelay, rssIdle, growth };
process.stdout.write(`${JSON.stringify(all)}\n`);

/** Lets the sides take turns, and who begins changes too. */
async function alternate(
  count: number,
  name: string,
  work: (side: Side, pod: BenchPod, name: string) => Promise<void>,
): Promise<void> {
  let last: Side | undefined;
  for (let round = 0; round < count; round++) {
    for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
      if (last?.deletesLater === true && side !== last) untilLinksAreGone();
      last = side;
      // Another namespace each time, as no runtime uses one twice.
      await work(side, pods[(2 * round + sides.indexOf(side)) % pods.length] as BenchPod, name);
    }
  }
}

/** Waits until the links of what was taken away are gone, so that what one side leaves to do later does not hold up the other. */
function untilLinksAreGone(): void {
  while (execFileSync("ip", ["-o", "link", "show", "type", "veth"]).byteLength > 0);
}

async function one(side: Side, pod: BenchPod, work: BenchWork): Promise<BenchResult & { readonly allCpuMs: number }> {
  const before = side.cpuMs();
  const { results } = await runner.run(1, [callOf(side, pod, work)]);
  const [result] = results;
  if (result === undefined || result.exitCode !== 0) {
    throw new Error(`${side.name} ${work.plugin} ${work.command}: ${result?.stdout}`);
  }
  return { ...result, allCpuMs: result.cpuMs + side.cpuMs() - before };
}

async function single(side: Side, pod: BenchPod, name: string): Promise<void> {
  const add = await one(side, pod, { command: "ADD", plugin: "bridge" });
  const prevResult: JsonObject = JSON.parse(add.stdout);
  const check = await one(side, pod, { command: "CHECK", plugin: "bridge", prevResult });
  const del = await one(side, pod, { command: "DEL", plugin: "bridge", prevResult });
  for (const [command, { ms, allCpuMs }] of Object.entries({ ADD: add, CHECK: check, DEL: del })) {
    note(name + command, side, { ms, cpuMs: allCpuMs });
  }
  note(`${name}ADD + DEL`, side, { ms: add.ms + del.ms, cpuMs: add.allCpuMs + del.allCpuMs });
}

async function chain(side: Side, pod: BenchPod, name: string): Promise<void> {
  const bridge = await one(side, pod, { command: "ADD", plugin: "bridge", masquerade: true });
  const portmap = await one(side, pod, { command: "ADD", plugin: "portmap", prevResult: JSON.parse(bridge.stdout) });
  const prevResult: JsonObject = JSON.parse(portmap.stdout);
  const unmap = await one(side, pod, { command: "DEL", plugin: "portmap", prevResult });
  const detach = await one(side, pod, { command: "DEL", plugin: "bridge", masquerade: true, prevResult });
  note(`${name}ADD`, side, { ms: bridge.ms + portmap.ms, cpuMs: bridge.allCpuMs + portmap.allCpuMs });
  note(`${name}DEL`, side, { ms: unmap.ms + detach.ms, cpuMs: unmap.allCpuMs + detach.allCpuMs });
}

async function burst(side: Side, _: BenchPod, name: string): Promise<void> {
  for (const command of ["ADD", "DEL"] as const) {
    const before = side.cpuMs();
    const { results, ms } = await runAll(side, command);
    const cpuMs = results.reduce((sum, result) => sum + result.cpuMs, side.cpuMs() - before);
    note(`${name}${command}s`, side, { ms, cpuMs });
  }
}

async function runAll(side: Side, command: "ADD" | "DEL") {
  const calls = pods.map((pod) => callOf(side, pod, { command, plugin: "bridge" }));
  const outcome = await runner.run(atOnce, calls);
  const failed = outcome.results.find(({ exitCode }) => exitCode !== 0);
  if (failed !== undefined) throw new Error(`${side.name} burst ${command}: ${failed.stdout}`);
  return outcome;
}

/** The daemon's memory after a first tenth of so many pods, and after all; of each, the least of the last bursts. */
async function watchMemory(count: number): Promise<Figures["growth"]> {
  const kx = sides[1] as Side;
  const rss: number[] = [];
  for (let done = 0; done < count; done += pods.length) {
    for (const command of ["ADD", "DEL"] as const) await runAll(kx, command);
    rss.push(daemon.rssMiB());
  }
  const tenth = Math.ceil(rss.length / 10);
  const least = (some: readonly number[]) => (some.length === 0 ? daemon.rssMiB() : Math.min(...some));
  return { count, early: least(rss.slice(0, tenth).slice(-5)), late: least(rss.slice(-5)) };
}

function fillLeases({ dataDir, name, subnet }: Side): void {
  const leases = join(dataDir, `bench-${name}`);
  mkdirSync(leases, { recursive: true });
  const [a, b] = subnet.split(".");
  for (let index = 0; index < manyLeases; index++) {
    const ip = `${a}.${b}.${100 + Math.floor(index / 250)}.${index % 250}`;
    writeFileSync(join(leases, ip), `other-${index}\r\neth0`);
  }
}
