// 10,000 pods of 3.5 kB in one informer: time from its start until it has synced, and the process's memory then, beside
// client-go; and how many requests a second of CPU time is good for, over one connection. Interleaved rounds, medians. A
// figure, not a test.
//   node packages/controllers/bench/informer.ts [--rounds 5] [--pods 10000] [--requests 6400]
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { loadavg } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { startControlPlane } from "@kx/cluster";
import type { Client } from "@kx/controllers";
import { Namespace, Pod, ServiceAccount } from "@kx/controllers/api/core-v1";
import { clusterClient } from "@kx/controllers/testing";
import { machine, median, table, verdict } from "@kx/tooling/bench-report";
import { buildGo } from "./build-go.ts";

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    pods: { type: "string", default: "10000" },
    requests: { type: "string", default: "6400" },
  },
});
const [rounds, podCount, requestCount] = [options.rounds, options.pods, options.requests].map(Number) as [
  number,
  number,
  number,
];
const namespace = "bench";
/** What kx may take at most, of what client-go takes with JSON. */
const required = { syncMs: 1, rssMiB: 1.3 };

interface Sample {
  readonly syncMs: number;
  readonly cpuMs: number;
  readonly rssMiB: number;
  /** Requests per CPU second of the process. */
  readonly requestsPerCpuSecond: number;
}

/** A pod like those that a Deployment makes; about 3.5 kB of JSON with what the server adds. */
function pod(index: number): Pod {
  const app = `app-${index % 50}`;
  const env = Array.from({ length: 6 }, (_, i) => ({
    name: `SETTING_${i}`,
    value: `value-${i}-of-${app}-${index % 7}`,
  }));
  return {
    metadata: {
      name: `${app}-7c9d8b5f4-${index.toString(36).padStart(5, "0")}`,
      namespace,
      labels: { app, "pod-template-hash": "7c9d8b5f4", tier: "backend", "app.kubernetes.io/part-of": "shop" },
      annotations: {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": "8080",
        checksum: `${index}`.padStart(64, "a"),
      },
    },
    spec: {
      containers: [
        {
          name: "main",
          image: `registry.example/shop/${app}:1.2.${index % 9}`,
          env,
          ports: [{ name: "http", containerPort: 8080 }],
          resources: { requests: { cpu: "100m", memory: "128Mi" }, limits: { memory: "256Mi" } },
          readinessProbe: { httpGet: { path: "/ready", port: 8080 }, periodSeconds: 10 },
          volumeMounts: [{ name: "config", mountPath: "/etc/app", readOnly: true }],
        },
      ],
      volumes: [{ name: "config", configMap: { name: `${app}-config` } }],
    },
  };
}

async function createPods(client: Client): Promise<void> {
  await client.create(Namespace, { metadata: { name: namespace } });
  await client.create(ServiceAccount, { metadata: { name: "default", namespace } });
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < podCount) await client.create(Pod, pod(next++));
  };
  await Promise.all(Array.from({ length: 32 }, worker));
}

async function measure(command: string, args: readonly string[]): Promise<Sample> {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const read = async () => JSON.parse((await lines.next()).value ?? "{}") as Record<string, number>;
  try {
    const { syncMs = Number.NaN, cpuMs = Number.NaN, objects } = await read();
    if (objects !== podCount) throw new Error(`${command} synced ${objects} of ${podCount} pods`);
    const status = await readFile(`/proc/${child.pid}/status`, "utf8");
    const rssMiB = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
    const { requests = 0, cpuMs: spentMs = 0 } = requestCount >= 32 ? await read() : {};
    return { syncMs, cpuMs, rssMiB, requestsPerCpuSecond: (requests / spentMs) * 1000 };
  } finally {
    child.stdin.end();
    if (child.exitCode === null) await once(child, "exit");
  }
}

const program = await buildGo("informer");
const script = join(import.meta.dirname, "informer-kx.ts");
const reference = "client-go, JSON";
const samples = new Map<string, Sample[]>();
const cluster = await startControlPlane();
try {
  const { kubeconfig } = cluster;
  {
    await using client = await clusterClient(cluster);
    await createPods(client);
    const size = JSON.stringify((await client.list(Pod, { namespace, pageSize: 1 })).items[0]).length;
    console.error(`${podCount} pods of ${size} bytes`);
  }
  const requests = String(requestCount);
  const protobuf = "application/vnd.kubernetes.protobuf";
  const peers: Record<string, () => Promise<Sample>> = {
    kx: () => measure(process.execPath, [script, kubeconfig, namespace, requests]),
    [reference]: () => measure(program, [kubeconfig, namespace, "application/json", requests]),
    "client-go, protobuf": () => measure(program, [kubeconfig, namespace, protobuf, requests]),
  };
  for (let round = 0; round <= rounds; round++) {
    for (const [name, run] of Object.entries(peers)) {
      const sample = await run();
      console.error(`round ${round}: ${name}: ${JSON.stringify(sample)} (load ${loadavg()[0]?.toFixed(1)})`);
      // The first round warms the server's caches.
      if (round > 0) samples.set(name, [...(samples.get(name) ?? []), sample]);
    }
  }
} finally {
  await cluster.stop();
}

const of = (name: string, field: keyof Sample): number =>
  median((samples.get(name) ?? []).map((sample) => sample[field]));
const fields = ["syncMs", "cpuMs", "rssMiB", "requestsPerCpuSecond"] as const;
const rows = [...samples.keys()].map((name) => {
  const ratio = (field: keyof typeof required): string => {
    const value = of(name, field) / of(reference, field);
    return name === "kx" ? verdict(value, required[field]) : value.toFixed(2);
  };
  return [name, ...fields.map((field) => of(name, field).toFixed(0)), ratio("syncMs"), ratio("rssMiB")];
});
const head = [
  "informer",
  "synced after ms",
  "CPU ms",
  "RSS MiB",
  "requests per CPU s",
  `time ratio (required <= ${required.syncMs.toFixed(1)})`,
  `RSS ratio (required <= ${required.rssMiB.toFixed(1)})`,
];
console.log(`\n${machine()}; ${podCount} pods, medians of ${rounds} rounds\n\n${table(head, rows)}`);
