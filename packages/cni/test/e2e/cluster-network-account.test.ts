import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type KxCluster, kxUp } from "../support/kx-cluster.ts";

// Two agents have one account and one role; what tells them apart is the node that their tokens name.
describe("the account of a node's agent", () => {
  let kx: KxCluster;
  beforeAll(async () => {
    kx = await kxUp(2);
  }, 240_000);
  afterAll(() => kx?.[Symbol.asyncDispose]());

  /** Asks the API server with what the agent of node-1 has, from there. */
  async function asAgent(method: string, path: string, body: object = {}, type = "application/json"): Promise<Answer> {
    const [node] = kx.cluster.nodes;
    const file = join(node?.paths.kubelet ?? "", "kx-node-agent.kubeconfig");
    const config = await readFile(file, "utf8");
    const field = (name: string) => new RegExp(`${name}: (\\S+)`).exec(config)?.[1] ?? "";
    const headers = [`Authorization: Bearer ${field("token")}`, `Content-Type: ${type}`].flatMap((one) => ["-H", one]);
    const args = ["-sS", "--insecure", "-X", method, ...headers, `${field("server")}${path}`];
    const { stdout, stderr } = (await node?.exec("curl", [...args, "--data", JSON.stringify(body)])) ?? {};
    if (!stdout) throw new Error(stderr);
    return JSON.parse(stdout) as Answer;
  }
  const condition = { type: "NetworkUnavailable", status: "True", reason: "Told", message: "by a test" };
  const patchStatus = (node: string) =>
    asAgent(
      "PATCH",
      `/api/v1/nodes/${node}/status`,
      { status: { conditions: [condition] } },
      "application/strategic-merge-patch+json",
    );
  const reasonOf = (node: string) => {
    const path = 'jsonpath={.status.conditions[?(@.type=="NetworkUnavailable")].reason}';
    return kx.kubectl("get", "node", node, "-o", path);
  };

  it("writes the status of its own node, and of no other", async () => {
    const refused = {
      code: 422,
      message: expect.stringContaining("node node-1 writes the objects of its own node alone"),
    };
    expect(await patchStatus("node-2")).toMatchObject(refused);
    expect(await reasonOf("node-2")).toBe("KxNetworkReady");
    expect(await patchStatus("node-1")).toMatchObject({ kind: "Node" });
    // It was written, and the agent has put it right.
    await expect.poll(() => reasonOf("node-1"), { timeout: 60_000, interval: 500 }).toBe("KxNetworkReady");
  });

  it("tells events of its own node, and of no other", async () => {
    const event = (name: string, node: string) => ({
      apiVersion: "events.k8s.io/v1",
      kind: "Event",
      metadata: { name, namespace: "default" },
      eventTime: "2026-01-01T00:00:00.000000Z",
      type: "Warning",
      reason: "Told",
      action: "Told",
      note: "by a test",
      reportingController: "test",
      reportingInstance: "test",
      regarding: { apiVersion: "v1", kind: "Node", name: node },
    });
    const create = (name: string, node: string) =>
      asAgent("POST", "/apis/events.k8s.io/v1/namespaces/default/events", event(name, node));
    expect(await create("other", "node-2")).toMatchObject({ message: expect.stringContaining("its own node alone") });
    expect(await create("own", "node-1")).toMatchObject({ kind: "Event" });
  });

  it("does nothing else with nodes, and knows no secrets", async () => {
    const forbidden = { code: 403, reason: "Forbidden" };
    expect(await asAgent("DELETE", "/api/v1/nodes/node-1")).toMatchObject(forbidden);
    const label = { metadata: { labels: { a: "b" } } };
    expect(await asAgent("PATCH", "/api/v1/nodes/node-1", label, "application/merge-patch+json")).toMatchObject(
      forbidden,
    );
    expect(await asAgent("GET", "/api/v1/secrets")).toMatchObject(forbidden);
  });
});

/** An object, or a Status that tells what was wrong. */
interface Answer {
  readonly kind: string;
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
}
