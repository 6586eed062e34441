import { expect, it } from "vitest";
import { netnsContents, type TestNetns } from "../../src/testing/netns.ts";
import { daemonLab } from "../support/daemon-lab.ts";
import { elementCount, makeHost, shared, type TestHost } from "../support/host.ts";
import { ask, serve } from "../support/traffic.ts";

const dualStack = [[{ subnet: "10.1.0.0/24" }], [{ subnet: "fd00::/64" }]];
const patience = { timeout: 30_000, interval: 10 };

it("carries out what the shim is called for, from ADD to DEL", async () => {
  await using host = await makeHost();
  using lab = daemonLab(host.netns);
  await using daemon = await lab.startDaemon();
  const pod = await host.pod();
  const call = { netns: pod.path };

  const added = await lab.done({ ...call, command: "ADD" });
  expect(added.ips).toEqual([expect.objectContaining({ address: "10.1.0.2/24", gateway: "10.1.0.1" })]);
  expect(await pod.addresses("eth0")).toEqual(["10.1.0.2/24"]);
  const server = await serve(host.netns, { port: 8080 });
  expect(await ask(pod, "10.1.0.1", { port: 8080 })).toBe("10.1.0.2");
  await server[Symbol.asyncDispose]();
  expect(await lab.done({ ...call, command: "CHECK", config: { prevResult: { ...added } } })).toEqual({});
  expect(await lab.done({ command: "STATUS" })).toEqual({});
  expect(await lab.failed({ ...call, command: "ADD" })).toMatchObject({ code: 999 });
  expect(await lab.failed({ ...call, command: "ADD", type: "kx-host-local", config: { ipam: {} } })).toMatchObject({
    code: 7,
  });

  await lab.done({ ...call, command: "DEL", config: { prevResult: { ...added } } });
  await lab.done({ ...call, command: "DEL" });
  expect(await lab.failed({ ...call, command: "CHECK", config: { prevResult: { ...added } } })).toMatchObject({
    code: 999,
  });
  expect(lab.leases()).toEqual([]);
  // The answer comes before the lock goes.
  await expect.poll(() => lab.locks()).toEqual([]);
  await expect.poll(() => netnsContents(pod), patience).toEqual([]);
  expect(await shared(host.netns)).toEqual([]);
  expect(await elementCount(host.netns)).toBe(0);
  expect(await daemon.stop()).toBe(0);
});

it("tells the trace that a call is a part of, as its variables say", async () => {
  await using host = await makeHost();
  using lab = daemonLab(host.netns);
  await using daemon = await lab.startDaemon();
  const [traceId, spanId] = ["0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"];
  const env = { TRACEPARENT: `00-${traceId}-${spanId}-01` };
  await lab.done({ command: "DEL", env, config: { prevResult: { cniVersion: "9.0.0" } } });
  const lines = daemon.log().split("\n");
  const line = lines.find((text) => text.includes("prevResult left out")) ?? "{}";
  expect(JSON.parse(line)).toMatchObject({ type: "kx-bridge", command: "DEL", containerId: "a", traceId, spanId });
  expect(await daemon.stop()).toBe(0);
});

/** Everything that is known of links, on the host and in a container. */
async function linksOf({ netns }: TestHost, pod: TestNetns) {
  const names = async (of: TestNetns) =>
    (await of.links()).map(({ ifname }) => ifname).filter((name) => name !== "kx0");
  return { host: await names(netns), pod: await names(pod) };
}

it("answers a DEL when nothing can use the interface any more, and deletes it a moment later", async () => {
  await using host = await makeHost();
  using lab = daemonLab(host.netns);
  await using first = await lab.startDaemon();
  const pod = await host.pod();
  const config = { bridge: "kx0", ipam: { ...Object(lab.config["ipam"]), ranges: dualStack } };
  const call = { netns: pod.path, config };
  const { ips = [] } = await lab.done({ ...call, command: "ADD" });
  expect(ips).toHaveLength(2);

  await lab.done({ ...call, command: "DEL" });
  // It may be gone already.
  await first.crash();
  expect(await elementCount(host.netns)).toBe(0);
  expect(lab.leases()).toEqual([]);

  // The next daemon finishes it, before it listens.
  await using second = await lab.startDaemon();
  expect(await linksOf(host, pod)).toEqual({ host: [], pod: [] });
  for (let round = 0; round < 10; round++) {
    // Into the same namespace, where the one before may not be gone yet.
    await lab.done({ ...call, command: "ADD" });
    expect((await linksOf(host, pod)).pod).toEqual(["eth0"]);
    await lab.done({ ...call, command: "DEL" });
    expect((await linksOf(host, pod)).pod).not.toContain("eth0");
  }
  expect(await second.stop()).toBe(0);
  expect(await linksOf(host, pod)).toEqual({ host: [], pod: [] });
});

it("deletes at once if it is told to, or does not know the container's namespace", async () => {
  await using host = await makeHost();
  using lab = daemonLab(host.netns);
  const pod = await host.pod();
  for (const deleteAtOnce of [true, false]) {
    await using daemon = await lab.startDaemon({ deleteAtOnce });
    await lab.done({ command: "ADD", netns: pod.path });
    await lab.done({ command: "DEL", ...(deleteAtOnce ? { netns: pod.path } : {}) });
    await daemon.crash();
    expect(await linksOf(host, pod)).toEqual({ host: [], pod: [] });
  }
});

it("does not mind that a container's namespace goes before its interface does", async () => {
  await using host = await makeHost();
  using lab = daemonLab(host.netns);
  await using daemon = await lab.startDaemon();
  for (let round = 0; round < 5; round++) {
    const pod = await host.pod();
    await lab.done({ command: "ADD", netns: pod.path });
    await lab.done({ command: "DEL", netns: pod.path });
    await pod.dispose();
    await lab.done({ command: "DEL", netns: pod.path });
  }
  await expect.poll(() => shared(host.netns), patience).toEqual([]);
  expect(lab.leases()).toEqual([]);
  expect(daemon.log()).not.toContain("not deleted yet");
  expect(await daemon.stop()).toBe(0);
});
