// How long the Foo controller takes for Foos that are there when it starts, and what it costs, beside other programs
// that do the same:
//   node packages/controllers/bench/foo.ts --rounds 3 --foos 200 --foos 1000 --beside sample-controller=/path/to/it
// The original limits itself to 5 requests a second for each of its two clients and has no flag for that, kx has no
// limit: only a build of the original with a higher limit compares speed; CPU time and memory compare all the same.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { cpus, loadavg, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startControlPlane } from "@kx/cluster";
import type { Client } from "@kx/controllers";
import { Foo } from "@kx/controllers/foo";
import { clusterClient, eventually } from "@kx/controllers/testing";

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
    foos: { type: "string", multiple: true, default: ["200", "1000"] },
    beside: { type: "string", multiple: true, default: [] },
  },
});
const rounds = Number(options.rounds);
const sizes = options.foos.map(Number);
const timeoutMs = 900_000;
const crd = join(import.meta.dirname, "../../../examples/foo/crd-status-subresource.yaml");

const peers: readonly Peer[] = [
  {
    name: "kx",
    command: (kubeconfig) => [process.execPath, join(import.meta.dirname, "foo-controller.ts"), kubeconfig],
  },
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

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

const samples = new Map<string, Sample[]>();
for (let round = 1; round <= rounds; round++) {
  for (const foos of sizes) {
    for (const peer of peers) {
      const sample = await measure(peer, foos);
      const key = `${foos} | ${peer.name}`;
      samples.set(key, [...(samples.get(key) ?? []), sample]);
      console.error(`round ${round}: ${key}: ${sample.seconds.toFixed(2)} s (load ${loadavg()[0]?.toFixed(1)})`);
    }
  }
}

console.log(
  `\n${cpus().length} x ${cpus()[0]?.model}, ${Math.round(totalmem() / 2 ** 30)} GiB; medians of ${rounds}\n`,
);
console.log("| Foos | controller | all Deployments, s | all statuses after that, s | CPU, s | RSS, MiB |");
console.log("|---|---|---|---|---|---|");
for (const [key, all] of samples) {
  const of = (field: keyof Sample): number => median(all.map((sample) => sample[field]));
  const figures = [of("seconds"), of("statusSeconds"), of("cpuSeconds")].map((value) => value.toFixed(2));
  console.log(`| ${key} | ${figures.join(" | ")} | ${of("rssMiB").toFixed(0)} |`);
}
