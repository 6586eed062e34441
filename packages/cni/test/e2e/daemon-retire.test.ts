// What is left of an interface between the answer to its DEL and its end.
import { inNetns } from "@kx/core/linux";
import { expect, it } from "vitest";
import { openRetiredDeleter } from "../../src/net/retire-pair.ts";
import { netnsContents, type TestNetns } from "../../src/testing/netns.ts";
import { elementCount, makeHost, shared, type TestHost } from "../support/host.ts";

const owner = { network: "net", containerId: "a", ifName: "eth0" };
const addresses = ["10.1.0.2/24", "fd00::2/64"];

async function attached(host: TestHost): Promise<TestNetns> {
  const pod = await host.pod();
  host.call("bridgeAttach", {
    owner,
    netns: pod.path,
    bridge: { name: "kx0", gateways: ["10.1.0.1/24", "fd00::1/64"] },
    addresses: addresses.map((address) => ({ address })),
    routes: [],
    masquerade: "sets",
  });
  return pod;
}

it("is down, without addresses, under other names and no port of the bridge", async () => {
  await using host = await makeHost();
  const pod = await attached(host);
  const retired = host.call("bridgeRetire", { owner, netns: pod.path, addresses, masquerade: true });
  expect(retired).toEqual({ namespace: pod.inode });
  const [podEnd, ...morePodLinks] = await pod.links();
  expect(morePodLinks).toEqual([]);
  expect(podEnd?.ifname).toMatch(/^kxd\d+$/);
  expect(podEnd?.flags).not.toContain("UP");
  expect(await pod.run("ip", "-brief", "address", "show", "dev", podEnd?.ifname ?? "")).not.toMatch(/10\.1\.|fd00:/);
  const [hostEnd] = (await host.netns.links()).filter(({ ifname }) => ifname !== "kx0");
  expect(hostEnd?.ifname).toMatch(/^kxd\d+$/);
  expect(hostEnd?.flags).not.toContain("UP");
  expect(hostEnd?.master).toBeUndefined();
  expect(await elementCount(host.netns)).toBe(0);

  // The same names are free at once, and what is retired twice is not there the second time.
  expect(host.call("bridgeRetire", { owner, netns: pod.path })).toBeUndefined();
  host.call("bridgeAttach", { owner, netns: pod.path, bridge: { name: "kx0" }, addresses: [], routes: [] });
  {
    using deleter = inNetns(host.netns.path, openRetiredDeleter);
    await deleter.deleteAll();
    await deleter.deleteAll();
  }
  expect((await pod.links()).map(({ ifname }) => ifname)).toEqual(["eth0"]);
  host.call("bridgeDetach", { owner, netns: pod.path });
  expect(await netnsContents(pod)).toEqual([]);
  expect(await shared(host.netns)).toEqual([]);
});

it("is nothing where the container's namespace is not known, or is another", async () => {
  await using host = await makeHost();
  for (const netnsOf of [() => undefined, (other: TestNetns) => other.path, () => "/nowhere"]) {
    const pod = await attached(host);
    const other = await host.pod();
    const netns = netnsOf(other);
    const request = { owner, addresses, masquerade: true, ...(netns === undefined ? {} : { netns }) };
    expect(host.call("bridgeRetire", request)).toBeUndefined();
    expect(await netnsContents(pod)).toEqual([]);
    expect(await shared(host.netns)).toEqual([]);
  }
});
