import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { ControlPlane } from "@kx/cluster";
import { KxError } from "@kx/core";

/** What a pod's web server answered. */
export interface Proof {
  readonly nonce: string;
  /** Whether the image says of itself that it is kx's stand-in for nginx. */
  readonly standIn: boolean;
}

const pages = "/usr/share/nginx/html";
const deadlineMs = 20_000;

/**
 * Shows that a pod's container runs and serves: writes a nonce of this run into it (API server, kubelet, container) and
 * fetches it from its web server through the API server (pod network).
 *
 * @throws KxError KX_CLI_DEMO
 */
export async function provePod(cluster: ControlPlane, namespace: string, pod: string): Promise<Proof> {
  const nonce = randomBytes(8).toString("hex");
  const script = `echo "$1" > ${pages}/kx-nonce`;
  const written = await cluster.kubectl(["exec", "-n", namespace, pod, "--", "sh", "-c", script, "sh", nonce]);
  if (written.exitCode !== 0) {
    throw new KxError("KX_CLI_DEMO", `cannot write into the container of ${pod}: ${written.stderr.trim()}`);
  }
  const url = `/api/v1/namespaces/${namespace}/pods/${pod}:80/proxy`;
  const deadline = Date.now() + deadlineMs;
  for (;;) {
    const read = await cluster.kubectl(["get", "--raw", `${url}/kx-nonce`]);
    if (read.exitCode === 0 && read.stdout.trim() === nonce) break;
    if (Date.now() > deadline) {
      const seen = read.exitCode === 0 ? `answered ${JSON.stringify(read.stdout.trim())}` : read.stderr.trim();
      throw new KxError("KX_CLI_DEMO", `the web server of ${pod} does not give back ${nonce}: ${seen}`);
    }
    await delay(200);
  }
  const page = await cluster.kubectl(["get", "--raw", `${url}/`]);
  return { nonce, standIn: page.stdout.includes("kx serves this stand-in") };
}
