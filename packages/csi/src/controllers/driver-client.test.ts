import { inspect } from "node:util";
import { ControllerCapability } from "@kx/core/contracts/csi";
import { createMetrics } from "@kx/core/metrics";
import { collectingLogger } from "@kx/core/testing";
import { describe, expect, it } from "vitest";
import { mounted } from "../../test/support/csi-clients.ts";
import { memoryState } from "../../test/support/memory-state.ts";
import { type ServedDriver, serveDriver } from "../../test/support/serve-driver.ts";
import { csiError } from "../driver/csi-error.ts";
import { defineCsiDriver } from "../driver/define-csi-driver.ts";
import { connectDriver } from "./connect-driver.ts";
import { type DriverClient, inProcessDriver } from "./driver-client.ts";
import { isFinal, outcomeOf, reasonOf, statusOf } from "./outcome.ts";

const driverName = "client.csi.kx.dev";

function testDriver() {
  const gate = Promise.withResolvers<void>();
  let created = 0;
  const driver = defineCsiDriver({
    name: driverName,
    state: memoryState(),
    async createVolume({ name, secrets }) {
      if (name === "full") throw csiError("EXHAUSTED", `no room, said ${secrets["password"] ?? "nobody"}`);
      if (name === "slow") await gate.promise;
      created += 1;
      return { volume: { volumeId: `id-${name}`, capacityBytes: 1024n } };
    },
    async deleteVolume() {},
  });
  return { driver, gate, created: () => created };
}

const request = (name: string) => ({ name, volumeCapabilities: [mounted()], secrets: { password: "hunter2-secret" } });

interface Reached extends AsyncDisposable {
  readonly client: DriverClient;
  readonly lines: () => string;
}

const ways: Readonly<
  Record<string, (served: ServedDriver, driver: ReturnType<typeof testDriver>) => Promise<Reached>>
> = {
  "in process": async (served, { driver }) => {
    const log = collectingLogger();
    const client = inProcessDriver(driver, { services: () => served.running.services, log });
    return { client, lines: () => inspect(log.lines, { depth: null }), [Symbol.asyncDispose]: async () => undefined };
  },
  "over its socket": async (served) => {
    const log = collectingLogger();
    const client = await connectDriver(`unix://${served.path}`, { log });
    return {
      client,
      lines: () => inspect(log.lines, { depth: null }),
      [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
    };
  },
};

describe.each(Object.entries(ways))("a driver %s", (_, reach) => {
  it("tells its name and what it can do", async () => {
    const driver = testDriver();
    await using served = await serveDriver(driver.driver);
    await using reached = await reach(served, driver);
    expect(reached.client.name).toBe(driverName);
    expect(reached.client.capabilities.controller).toEqual(
      new Set([ControllerCapability.CREATE_DELETE_VOLUME, ControllerCapability.SINGLE_NODE_MULTI_WRITER]),
    );
    expect((await reached.client.identity.getPluginInfo({})).name).toBe(driverName);
  });

  it("answers calls as messages, and failures as statuses, without secrets in the log", async () => {
    const driver = testDriver();
    await using served = await serveDriver(driver.driver);
    await using reached = await reach(served, driver);
    const { volume } = await reached.client.controller.createVolume(request("one"));
    expect(volume).toMatchObject({ volumeId: "id-one", capacityBytes: 1024n, volumeContext: {} });
    const failed = await reached.client.controller.createVolume(request("full")).catch((error: unknown) => error);
    expect(statusOf(failed)).toBe("RESOURCE_EXHAUSTED");
    expect(outcomeOf(failed)).toBe("exhausted");
    expect(isFinal(failed)).toBe(true);
    expect(reasonOf(failed)).toMatch(/^RESOURCE_EXHAUSTED: .*no room/);
    expect(reached.lines()).toContain("RESOURCE_EXHAUSTED");
    expect(reached.lines()).not.toContain("hunter2-secret");
  });

  it("refuses what the driver does not do, and what its rules do not allow", async () => {
    const driver = testDriver();
    await using served = await serveDriver(driver.driver);
    await using reached = await reach(served, driver);
    const statuses = await Promise.all(
      [
        reached.client.controller.createSnapshot({ name: "x", sourceVolumeId: "y" }),
        reached.client.groupController.getVolumeGroupSnapshot({ groupSnapshotId: "x" }),
        reached.client.controller.createVolume({ name: "", volumeCapabilities: [mounted()] }),
      ].map((call) => call.then(() => "OK", statusOf)),
    );
    expect(statuses).toEqual(["UNIMPLEMENTED", "UNIMPLEMENTED", "INVALID_ARGUMENT"]);
  });

  it("goes on after the caller's deadline, and gives its outcome to the next try", async () => {
    const driver = testDriver();
    await using served = await serveDriver(driver.driver);
    await using reached = await reach(served, driver);
    const late = await reached.client.controller
      .createVolume(request("slow"), { timeoutMs: 50 })
      .catch((error: unknown) => error);
    expect(outcomeOf(late)).toBe("running");
    const again = reached.client.controller.createVolume(request("slow"), { timeoutMs: 20_000 });
    driver.gate.resolve();
    expect((await again).volume?.volumeId).toBe("id-slow");
    expect(driver.created()).toBe(1);
  });
});

it("fails with UNAVAILABLE while the driver does not run, and counts calls as its socket does", async () => {
  const metrics = await createMetrics();
  const { driver } = testDriver();
  const client = inProcessDriver(driver, { services: () => undefined, log: collectingLogger(), metrics });
  const failed = await client.controller.listVolumes({}).catch((error: unknown) => error);
  expect(outcomeOf(failed)).toBe("running");
  expect(await metrics.text()).toContain(
    `csi_plugin_operations_seconds_count{driver_name="${driverName}",method_name="/csi.v1.Controller/ListVolumes",grpc_status_code="Unavailable"} 1`,
  );
});
