// How long the Foo controller takes for 1,000 Foos that are there when it starts, and what it costs, beside the same
// controller on client-go (go/foo). Interleaved rounds, medians. A figure, not a test.
//   node packages/controllers/bench/foo.ts [--rounds 3] [--foos 1000] [--beside <name>=<program that takes -kubeconfig>]
// Neither limits its requests in effect: kx has no limit, the twin one of 5,000 a second. The original sample-controller,
// which `--beside` could add, has one of 5 a second and no flag for it: with that, only CPU time and memory compare.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startControlPlane } from "@kx/cluster";
import type { Client } from "@kx/controllers";
import { Foo } from "@kx/controllers/foo";
import { clusterClient, eventually } from "@kx/controllers/testing";
import { machine, median, table, verdict } from "@kx/tooling/bench-report";
import { buildGo } from "./build-go.ts";

interface Peer {
  readonly name: string;
  command(kubeconfig: string): readonly [string, ...string[]];
}

interface Sample {
  /** From the start of the process until all Deployments exist. */
  readonly seconds: number;
  /** From then until all Foos have a status, which is the end of their first reconcile but for the event. */
  readonly statusSeconds: number;
  readonly cpuSeconds: number;
  readonly rssMiB: number;
}

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    foos: { type: "string", multiple: true, default: ["1000"] },
    beside: { type: "string", multiple: true, default: [] },
  },
});
const rounds = Number(options.rounds);
const sizes = options.foos.map(Number);
const timeoutMs = 900_000;
/** What kx may take at most until all Deployments exist, of what its twin takes. */
const required = 1.2;
const twin = "client-go";
const crd = join(import.meta.dirname, "../../../examples/foo/crd-status-subresource.yaml");

const twinProgram = await buildGo("foo");
const peers: readonly Peer[] = [
  {
    name: "kx",
    command: (kubeconfig) => [process.execPath, join(import.meta.dirname, "foo-controller.ts"), kubeconfig],
  },
  { name: twin, command: (kubeconfig) => [twinProgram, `-kubeconfig=${kubeconfig}`] },
  ...options.beside.map((text): Peer => {
    const [name = "", program = ""] = text.split("=");
    return { name, command: (kubeconfig) => [program, `-kubeconfig=${kubeconfig}`] };
  }),
];

async function countDeployments(client: Client): Promise<number> {
  const list = (await client.raw("GET", "/apis/apps/v1/deployments?limit=1")) as {
    metadata: { remainingItemCount?: number };
    items: unknown[];
  };
  return list.items.length + (list.metadata.remainingItemCount ?? 0);
}

async function createFoos(client: Client, count: number): Promise<void> {
  const names = Array.from({ length: count }, (_, i) => `foo-${i}`).values();
  const work = async (): Promise<void> => {
    for (const name of names) {
      const object = { metadata: { name, namespace: "default" }, spec: { deploymentName: name, replicas: 1 } };
      // A busy machine's API server may drop a connection: whether the Foo was made shows the next try.
      const create = () => client.create(Foo, object).catch(() => client.get(Foo, object.metadata));
      await eventually(create, { describe: `Foo ${name} is created` });
    }
  };
  await Promise.all(Array.from({ length: 8 }, work));
}

/** CPU time in seconds and greatest resident memory in MiB, so far. */
async function costOf(pid: number): Promise<{ cpuSeconds: number; rssMiB: number }> {
  const [stat, status] = await Promise.all([
    readFile(`/proc/${pid}/stat`, "utf8"),
    readFile(`/proc/${pid}/status`, "utf8"),
  ]);
  // The second field is a name in parentheses; utime and stime are the 14th and 15th, in ticks of 10 ms.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = Number(fields[11]) + Number(fields[12]);
  return { cpuSeconds: ticks / 100, rssMiB: Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1024 };
}

async function measure(peer: Peer, foos: number): Promise<Sample> {
  await using cluster = await startControlPlane({ controllerManager: true });
  await cluster.installCrds(crd);
  await using client = await clusterClient(cluster);
  await createFoos(client, foos);
  const start = performance.now();
  // However this process ends, the measured one goes with it.
  const child = spawn("setpriv", ["--pdeathsig", "KILL", ...peer.command(cluster.kubeconfig)], { stdio: "ignore" });
  const ended = once(child, "close");
  try {
    const all = async () => (await countDeployments(client)) >= foos;
    await eventually(all, { describe: `${peer.name}: ${foos} Deployments`, timeoutMs });
    const made = performance.now();
    const unwritten = async () => (await client.list(Foo)).items.filter(({ status }) => status === undefined).length;
    const written = async () => (await unwritten()) === 0;
    await eventually(written, { describe: `${peer.name}: ${foos} statuses`, timeoutMs, intervalMs: 200 });
    const cost = await costOf(child.pid ?? 0);
    return { seconds: (made - start) / 1000, statusSeconds: (performance.now() - made) / 1000, ...cost };
  } finally {
    child.kill("SIGTERM");
    await ended;
  }
}

const samples = new Map<string, Sample[]>();
const keyOf = (foos: number, name: string): string => `${foos} | ${name}`;
for (let round = 1; round <= rounds; round++) {
  for (const foos of sizes) {
    for (const peer of peers) {
      const sample = await measure(peer, foos);
      const key = keyOf(foos, peer.name);
      samples.set(key, [...(samples.get(key) ?? []), sample]);
      console.error(`round ${round}: ${key}: ${JSON.stringify(sample)} (load ${loadavg()[0]?.toFixed(1)})`);
    }
  }
}

const rows = sizes.flatMap((foos) =>
  peers.map(({ name }) => {
    const of = (field: keyof Sample, who = name): number =>
      median((samples.get(keyOf(foos, who)) ?? []).map((sample) => sample[field]));
    const figures = [of("seconds"), of("statusSeconds"), of("cpuSeconds")].map((value) => value.toFixed(2));
    const ratio = of("seconds") / of("seconds", twin);
    const isJudged = name === "kx" && foos === 1000;
    const cell = isJudged ? verdict(ratio, required) : ratio.toFixed(2);
    return [String(foos), name, ...figures, of("rssMiB").toFixed(0), cell];
  }),
);
const head = [
  "Foos",
  "controller",
  "all Deployments, s",
  "all statuses after that, s",
  "CPU, s",
  "RSS, MiB",
  `time ratio (required <= ${required} at 1000)`,
];
console.log(`\n${machine()}; medians of ${rounds} rounds\n\n${table(head, rows)}`);
