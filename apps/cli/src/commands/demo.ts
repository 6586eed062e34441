import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Cluster, connectCluster, prerequisites } from "@kx/cluster";
import type { Client } from "@kx/controllers";
import { type KubeObject, KxError } from "@kx/core";
import { parse } from "yaml";
import { adminClient, applyObjects } from "../apply.ts";
import { clusterDir, commandFor } from "../cluster-dir.ts";
import { type FooState, fooTable, missingOf, readFoo } from "../demo/foo-state.ts";
import { type Proof, provePod } from "../demo/proof.ts";
import { missing } from "../prerequisites.ts";
import { type ProgressView, seconds, showProgress, track } from "../progress.ts";
import { paint, type Terminal } from "../terminal.ts";
import { mend } from "./doctor.ts";
import { ensureUp } from "./up.ts";

/** Flags of `kx demo`. */
export interface DemoOptions {
  readonly dir?: string;
}

const example = { name: "example-foo", namespace: "default" };
const waitMs = 60_000;

/** Starts a cluster unless one is up, and shows the Foo extension at work in it. Resolves to the exit code. */
export async function demo(options: DemoOptions, terminal: Terminal, signal: AbortSignal): Promise<number> {
  const started = performance.now();
  const dir = clusterDir(options.dir, terminal.env);
  await mend(missing(await prerequisites(), "cluster"), terminal, signal);
  const { startedMs } = await ensureUp(dir, {}, terminal, signal);
  const cluster = await connectCluster(dir);
  if (cluster.nodes.length === 0) {
    throw new KxError("KX_CLI_DEMO", `the control plane in ${dir} has no nodes`, {
      remedy: "stop it with `kx down`, or name another folder with --dir",
    });
  }
  await using client = await adminClient(cluster);
  const view = showProgress(terminal);
  let seen: FooState;
  let proofs: readonly Proof[];
  try {
    seen = await runFoo(cluster, client, view.report, signal);
    proofs = await track(view.report, "reading this run's nonce back from the pods", () =>
      Promise.all(seen.pods.map((pod) => provePod(cluster, example.namespace, pod.metadata?.name ?? ""))),
    );
  } finally {
    view.close();
  }
  const text = [
    ...summary(cluster, startedMs),
    "",
    fooTable(seen, Date.now()),
    "",
    ...findings(seen, proofs, terminal),
    "",
    ...whatNext(cluster, dir, terminal),
  ];
  terminal.stdout.write(`${text.join("\n")}\n`);
  terminal.stderr.write(`done in ${seconds(performance.now() - started)}\n`);
  return 0;
}

async function runFoo(
  cluster: Cluster,
  client: Client,
  report: ProgressView["report"],
  signal: AbortSignal,
): Promise<FooState> {
  await track(report, "installing the Foo resource (examples/foo/crd-status-subresource.yaml)", () =>
    cluster.installCrds(exampleFile("crd-status-subresource.yaml")),
  );
  await track(report, "applying a Foo (examples/foo/example-foo.yaml)", async () => {
    const foo = parse(await readFile(exampleFile("example-foo.yaml"), "utf8")) as KubeObject;
    const metadata = { namespace: example.namespace, ...foo.metadata };
    await applyObjects(client, [{ ...foo, metadata }], signal);
  });
  return track(report, "waiting for its pods to be Running", () => awaitFoo(cluster, client, signal));
}

function exampleFile(name: string): string {
  return fileURLToPath(new URL(`./examples/foo/${name}`, import.meta.url));
}

async function awaitFoo(cluster: Cluster, client: Client, signal: AbortSignal): Promise<FooState> {
  const deadline = Date.now() + waitMs;
  for (;;) {
    signal.throwIfAborted();
    const state = await readFoo(client, example);
    const lacking = missingOf(state);
    if (lacking === undefined) return state;
    if (Date.now() > deadline) throw await tooLate(cluster, state, lacking);
    await delay(100);
  }
}

/** All that helps to find out why. */
async function tooLate(cluster: Cluster, state: FooState, lacking: string): Promise<KxError> {
  const ask = async (...args: string[]): Promise<string> => {
    const { stdout, stderr } = await cluster.kubectl(args);
    return `$ kubectl ${args.join(" ")}\n${(stdout || stderr).trimEnd()}`;
  };
  const facts = [
    `after ${waitMs / 1000} s ${lacking}`,
    fooTable(state, Date.now()),
    await ask("get", "events", "-n", example.namespace, "--sort-by=.lastTimestamp"),
    await ask("logs", "-n", example.namespace, "-l", `controller=${example.name}`, "--tail=20", "--prefix"),
  ];
  return new KxError("KX_CLI_DEMO", `${facts.join("\n\n")}\n`, {
    remedy: "`kx logs controller-manager` and `kx logs node-1/kubelet` tell more",
  });
}

function summary(cluster: Cluster, startedMs: number | undefined): string[] {
  const { nodes, kubernetesVersion } = cluster;
  const how = startedMs === undefined ? "was up already" : `came up in ${seconds(startedMs)}`;
  return [
    `A real Kubernetes ${kubernetesVersion} ${how}: etcd, kube-apiserver, kube-controller-manager, kube-scheduler,`,
    `and on ${nodes.map(({ name }) => name).join(", ")} containerd, kubelet and kube-proxy. kx's controller manager runs the Foo extension beside it:`,
  ];
}

function findings({ pods }: FooState, proofs: readonly Proof[], { stdout, env }: Terminal): string[] {
  const nonces = proofs.map(({ nonce }) => nonce).join(", ");
  const tick = paint("green", "✓", stdout, env);
  const lines = [
    `${tick} the Foo controller made the Deployment and reported its ${pods.length} available ${pods.length === 1 ? "pod" : "pods"} in the Foo's status`,
    `${tick} ${nonces}: made in this run, written into each container by the kubelet, and read back from its web server`,
  ];
  if (proofs.every(({ standIn }) => standIn)) {
    lines.push(
      "  nginx:latest is a stand-in here (busybox httpd): the cluster's own registry serves it under that name, without a network",
    );
  }
  return lines;
}

function whatNext({ kubeconfig }: Cluster, dir: string, { env }: Terminal): string[] {
  const commands = [
    ["kubectl get foos,deployments,pods -o wide", "what you see above"],
    ["kubectl edit foo example-foo", "set replicas to 3 and look again"],
    ["logs controller-manager -f", "the Foo controller at work"],
    ["status", "every process, and its log"],
    ["down", "stop it and leave nothing (npm stop in the checkout)"],
  ].map(([command = "", why = ""]) => [commandFor(command, dir, env), why] as const);
  const width = Math.max(...commands.map(([command]) => command.length));
  return [
    `kubeconfig: ${kubeconfig}`,
    "next:",
    ...commands.map(([command, why]) => `  ${command.padEnd(width)}   # ${why}`),
  ];
}
