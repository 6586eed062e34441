import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { buildImage, type ClusterNode } from "@kx/cluster";
import type { KxCluster } from "./kx-cluster.ts";
import { imageFile, nodeFiles } from "./node-image.ts";
import { type Place, program } from "./traffic.ts";

const image = "localhost/kx-traffic:1";
const inImage = "/app/traffic.ts";
const addressesFile = "/tmp/addresses";
const port = 7000;
const sourcePort = 7001;

/** Where traffic comes from: a pod, by its name, or a program of a node's own. */
export type Origin = string | ClusterNode;

/** What pods and nodes of a cluster ask each other. */
export interface Traffic {
  /** What the server of a traffic pod answers: the address that the asker has for it. Undefined: nothing came. */
  ask(from: Origin, host: string, place?: Partial<Place>): Promise<string | undefined>;
  /** What addresses a pod had when it started, as ip(8) shows them. */
  addressesAtStart(pod: string): Promise<string>;
  /** How many bits a second come from a traffic pod. */
  rate(from: Origin, host: string): Promise<number>;
}

/** Makes the image of traffic pods known to a cluster. */
export async function prepareTraffic(kx: KxCluster): Promise<Traffic> {
  const archive = join(kx.dir, "traffic.tar");
  const files = [...(await nodeFiles()), imageFile(inImage, program)];
  await writeFile(archive, await buildImage({ names: [image], files }));
  await kx.cluster.loadImage(archive);
  const source = await readFile(program, "utf8");
  const run = async (from: Origin, ...args: readonly string[]) => {
    if (typeof from === "string") {
      const { exitCode, ...said } = await kx.cluster.kubectl([
        "exec",
        from,
        "-c",
        "tcp",
        "--",
        "/app/node",
        inImage,
        ...args,
      ]);
      return { exitCode, ...said };
    }
    return from.exec("sh", ["-c", 'exec /opt/kx/*/bin/node --input-type=module-typescript - "$@"', "sh", ...args], {
      input: source,
    });
  };
  const timeoutMs = 20_000;
  return {
    async ask(from, host, { transport = "tcp", port: at = port } = {}) {
      const { exitCode, stdout, stderr } = await run(from, "ask", transport, host, String(at), String(timeoutMs));
      return exitCode === 0 ? stdout.trim() : `exit code ${exitCode} ${stderr.trim()}`;
    },
    addressesAtStart: (pod) => kx.kubectl("exec", pod, "-c", "tcp", "--", "cat", addressesFile),
    async rate(from, host) {
      const { exitCode, stdout, stderr } = await run(from, "drain", "tcp", host, String(sourcePort), "3000");
      if (exitCode !== 0) throw new Error(`nothing came from ${host}: ${stderr}`);
      return Number(stdout);
    },
  };
}

/** A pod that answers at port 7000 of both transports, and sends without end at 7001. */
export function trafficPod(name: string, node: string, more: TrafficPodOptions = {}): object {
  const { annotations = {}, labels = {}, hostPort, hostNetwork = false } = more;
  const note = `ip -oneline address show dev eth0 > ${addressesFile}; exec "$@"`;
  const container = (of: string, mode: string, transport: "tcp" | "udp", at: number, isMapped: boolean) => ({
    name: of,
    image,
    command: ["sh", "-c", note, "sh", "/app/node", inImage, mode, transport, "", String(at)],
    ports: [
      {
        containerPort: at,
        protocol: transport.toUpperCase(),
        ...(isMapped && hostPort !== undefined ? { hostPort } : {}),
      },
    ],
    ...(transport === "tcp" ? { readinessProbe: { tcpSocket: { port: at }, periodSeconds: 1 } } : {}),
  });
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default", annotations, labels },
    spec: {
      nodeName: node,
      hostNetwork,
      terminationGracePeriodSeconds: 0,
      containers: [
        container("tcp", "serve", "tcp", port, true),
        container("udp", "serve", "udp", port, true),
        container("source", "source", "tcp", sourcePort, false),
      ],
    },
  };
}

/** What is special about a traffic pod. */
export interface TrafficPodOptions {
  readonly labels?: Readonly<Record<string, string>>;
  readonly hostNetwork?: boolean;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Of the node, for both transports. */
  readonly hostPort?: number;
}
