// The conformance suite's cases about interfaces and delegates: a sound bridge passes, and broken twins are noticed.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createBridge } from "@kx/cni/bridge";
import { createHostLocal } from "@kx/cni/host-local";
import { type CallPlugin, makeNetns, type TestNetns } from "@kx/cni/testing";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { netOf } from "./support/net-of.ts";
import { runsHere } from "./support/privileges.ts";
import { callInProcess, expectNoticed, outcomesOf, type TwinOptions } from "./support/run-twin.ts";
import { interfaceTwins } from "./support/twins-interface.ts";

describe.runIf(runsHere("the suite's cases about interfaces"))("a plug-in that makes interfaces", () => {
  const dataDir = mkdtempSync(join(tmpdir(), "kx-suite-"));
  const routes = [{ dst: "0.0.0.0/0" }];
  const ids = [...new Set(interfaceTwins.map(({ id }) => id))];
  let host: TestNetns;
  let healthy: CallPlugin;
  let options: TwinOptions;

  beforeAll(async () => {
    host = await makeNetns("host");
    const net = netOf(host);
    healthy = callInProcess(createBridge({ net }), { "kx-host-local": createHostLocal() });
    options = {
      host,
      config: {
        type: "kx-bridge",
        bridge: "kx0",
        isGateway: true,
        ipMasq: true,
        ipam: { type: "kx-host-local", dataDir, ranges: [[{ subnet: "10.9.0.0/24" }]], routes },
      },
    };
  });
  afterAll(async () => {
    await host.dispose();
    rmSync(dataDir, { recursive: true });
  });

  test("that is sound passes", async () => {
    expect(await outcomesOf(healthy, options, ids)).toEqual(Object.fromEntries(ids.map((id) => [id, "passed"])));
  });

  it.each(interfaceTwins)("is noticed by $id if $wrong", async (twin) => {
    await expectNoticed(twin, healthy, options);
  });
});
