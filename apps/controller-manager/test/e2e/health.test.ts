import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type ControlPlane, startControlPlane } from "@kx/cluster";
import type { Client } from "@kx/controllers";
import { ClusterRole, ClusterRoleBinding } from "@kx/controllers/api/rbac-v1";
import { clusterClient, eventually } from "@kx/controllers/testing";
import { afterAll, beforeAll, expect, it } from "vitest";

// For this test alone: of localhost, signed by itself, until 2126.
const cert = `-----BEGIN CERTIFICATE-----
MIIBnDCCAUGgAwIBAgIUWJ95hJ2r3Rwx6yUI7x0Qzkxsmv0wCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMzIzNDEyMFoYDzIxMjYxMDMw
MjM0MTIwWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAQm43qun45AyjSudBD6jGJzRJShzsJrWBomWm5cEFmuJIK5wFaYFh3+
1kQQKtVf1pyssJPqFcTY3tFHtbXpMdLlo28wbTAdBgNVHQ4EFgQUZbCibBfMTGqo
4NUdl3TaVsG1KEwwHwYDVR0jBBgwFoAUZbCibBfMTGqo4NUdl3TaVsG1KEwwDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDSQAwRgIhALpNa25XzRLnENZHQVyPtv273H2fAvpYTlzYR4hRFp40AiEA
0cZGJ/p7rGtwiGzli5rq6ixAryHXR8wbSJOUfS0NM4Q=
-----END CERTIFICATE-----`;
const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgenhJVoabLmXYwg6X
S5g64WIBDSNx/fL0q7rE4d43LM+hRANCAAQm43qun45AyjSudBD6jGJzRJShzsJr
WBomWm5cEFmuJIK5wFaYFh3+1kQQKtVf1pyssJPqFcTY3tFHtbXpMdLl
-----END PRIVATE KEY-----`;

let cluster: ControlPlane;
let client: Client;
let folder = "";
beforeAll(async () => {
  cluster = await startControlPlane();
  client = await clusterClient(cluster);
  folder = await mkdtemp(join(tmpdir(), "kx-health-"));
  await writeFile(join(folder, "cert.pem"), cert);
  await writeFile(join(folder, "key.pem"), key);
});
afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await cluster.stop();
  await rm(folder, { recursive: true });
});

/** Makes a service account and a token of it. */
async function tokenOf(name: string): Promise<string> {
  const path = "/api/v1/namespaces/default/serviceaccounts";
  await client.raw("POST", path, { apiVersion: "v1", kind: "ServiceAccount", metadata: { name } });
  const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: {} };
  const answer = await client.raw("POST", `${path}/${name}/token`, body);
  return (answer as { status: { token: string } }).status.token;
}

function statusOf(url: string, token?: string): Promise<number | undefined> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return new Promise((resolve, reject) => {
    request(url, { ca: cert, headers }, (response) => resolve(response.resume().statusCode))
      .on("error", reject)
      .end();
  });
}

it("serves health to others as a real API server judges them", async () => {
  const [scraper, other] = [await tokenOf("scraper"), await tokenOf("other")];
  const rules = [{ nonResourceURLs: ["/metrics"], verbs: ["get"] }];
  await client.create(ClusterRole, { metadata: { name: "scraper" }, rules });
  await client.create(ClusterRoleBinding, {
    metadata: { name: "scraper" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "scraper" },
    subjects: [{ kind: "ServiceAccount", name: "scraper", namespace: "default" }],
  });
  const main = fileURLToPath(new URL("../../dist/main.js", import.meta.url));
  const files = [`--health-cert-file=${folder}/cert.pem`, `--health-key-file=${folder}/key.pem`];
  const args = [main, "--health-port=0", "--health-host=0.0.0.0", ...files, `--kubeconfig=${cluster.kubeconfig}`];
  const host = spawn(process.execPath, args, { env: {}, stdio: ["ignore", "ignore", "pipe"] });
  const exited = once(host, "exit");
  try {
    const lines = createInterface({ input: host.stderr });
    const [line] = await once(lines, "line", { signal: AbortSignal.timeout(15_000) });
    const port = /https:\/\/0\.0\.0\.0:(\d+)/.exec(String(line))?.[1];
    const url = `https://127.0.0.1:${port}`;
    // The authorizer of the API server learns of a role a moment after it was made.
    const isAllowed = async () => (await statusOf(`${url}/metrics`, scraper)) === 200;
    await eventually(isAllowed, { describe: "the scraper is allowed" });
    expect(await statusOf(`${url}/extensions`, scraper)).toBe(403);
    expect(await statusOf(`${url}/metrics`, other)).toBe(403);
    expect(await statusOf(`${url}/metrics`, `${other.slice(0, -4)}AAAA`)).toBe(401);
    expect(await statusOf(`${url}/metrics`)).toBe(401);
  } finally {
    host.kill("SIGTERM");
    await exited;
  }
});
