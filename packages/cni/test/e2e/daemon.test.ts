import { expect, it } from "vitest";
import { netnsContents } from "../../src/testing/netns.ts";
import { daemonLab } from "../support/daemon-lab.ts";
import { elementCount, makeHost, shared } from "../support/host.ts";
import { ask, serve } from "../support/traffic.ts";

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
  expect(lab.locks()).toEqual([]);
  expect(await netnsContents(pod)).toEqual([]);
  expect(await shared(host.netns)).toEqual([]);
  expect(await elementCount(host.netns)).toBe(0);
  expect(await daemon.stop()).toBe(0);
});
