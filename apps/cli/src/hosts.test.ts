import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ClusterProcess } from "@kx/cluster";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { extensionTable } from "./commands/status.ts";
import { askHosts, type Host, hostsOf, readRequest, writeRequest } from "./hosts.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "kx-hosts-"));
});
afterAll(() => rm(folder, { recursive: true }));

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  }
});

let sockets = 0;
async function serve(listener: RequestListener): Promise<string> {
  const socket = join(folder, `${++sockets}.sock`);
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return socket;
}

const runnable = (restarts: number) => ({ name: "a/b", group: "worker", isReady: true, restarts });
const shared = { name: "a", version: "1", kind: "controller", isolation: "shared", isReady: true };
const isolated = { ...shared, name: "b", isolation: "process", isReady: false, rssBytes: 1 };
const answer: RequestListener = (_, response) => {
  const extensions = [
    { ...shared, runnables: [runnable(1), runnable(2)] },
    { ...isolated, pid: 7, runnables: [runnable(0)] },
    { ...isolated, name: "c", runnables: [] },
  ];
  response.end(JSON.stringify({ extensions }));
};

describe("hostsOf", () => {
  it("finds the controller manager and the agents among a cluster's processes, and no other", () => {
    const of = (name: string, more: Partial<ClusterProcess>): ClusterProcess => ({
      name,
      state: "running",
      since: "",
      restarts: 0,
      log: "",
      ...more,
    });
    const processes = [
      of("kube-controller-manager", { pid: 1 }),
      of("controller-manager", { pid: 2 }),
      of("node-2/kubelet", { node: "node-2", pid: 3 }),
      of("node-2/node-agent", { node: "node-2" }),
    ];
    expect(hostsOf("/d", processes)).toEqual([
      { name: "controller-manager", socket: "/d/run/controller-manager.sock", pid: 2 },
      { name: "node-agent", node: "node-2", socket: "/d/n2/run/kx/node-agent.sock" },
    ]);
  });
});

describe("askHosts", () => {
  it("gives each extension with its host, the process that it runs in, and its restarts", async () => {
    const host: Host = { name: "node-agent", node: "node-1", socket: await serve(answer), pid: 5 };
    const { extensions, silentHosts } = await askHosts([host]);
    expect(silentHosts).toEqual([]);
    expect(extensions).toMatchObject([
      { host: "node-agent", node: "node-1", name: "a", pid: 5, restarts: 3 },
      { host: "node-agent", node: "node-1", name: "b", pid: 7, restarts: 0 },
      { name: "c", restarts: 0 },
    ]);
    expect(extensions[2]).not.toHaveProperty("pid");
    expect(
      extensionTable({ extensions, silentHosts })
        .split("\n")
        .map((line) => line.split(/ {2,}/)),
    ).toEqual([
      ["EXTENSION", "VERSION", "KIND", "HOST", "NODE", "ISOLATION", "PID", "READY", "RESTARTS"],
      ["a", "1", "controller", "node-agent", "node-1", "shared", "5", "yes", "3"],
      ["b", "1", "controller", "node-agent", "node-1", "process", "7", "no", "0"],
      ["c", "1", "controller", "node-agent", "node-1", "process", "<none>", "no", "0"],
    ]);
  });

  it("names hosts that are down, hang, stop in the middle or answer something else, beside those that answer", async () => {
    const hanging = await serve(() => undefined);
    const stalling = await serve((_, response) => void response.write('{"exten'));
    const wrong = await serve((_, response) => void response.writeHead(500).end());
    const text = await serve((_, response) => void response.end("hello"));
    const down = join(folder, "none.sock");
    const hosts = [down, hanging, stalling, wrong, text, await serve(answer)].map(
      (socket, index): Host => ({ name: "node-agent", node: `node-${index + 1}`, socket }),
    );
    const status = await askHosts(hosts, 300);
    expect(status.silentHosts.map(({ node, reason }) => `${node}: ${reason}`)).toEqual([
      "node-1: it has no socket yet",
      "node-2: no answer in 0.3 s",
      "node-3: no answer in 0.3 s",
      "node-4: it answered 500",
      "node-5: it answered no JSON",
    ]);
    expect(status.extensions).toHaveLength(3);
    expect(extensionTable(status)).toMatch(
      /^<unknown> +<unknown> .* node-agent +node-1 .*host does not answer: it has no socket yet/m,
    );
  });
});

it("keeps what a cluster was asked to be", async () => {
  const wanted = {
    dir: folder,
    nodes: 1,
    controlPlaneOnly: true,
    hostNetworkRoute: false,
    dns: true,
    network: "none",
    ipFamilies: ["ipv4"],
  } as const;
  expect(await readRequest(folder)).toBeUndefined();
  await writeRequest(wanted);
  expect(await readRequest(folder)).toEqual(wanted);
});
