import { create, toBinary } from "@bufbuild/protobuf";
import {
  ControllerCapability,
  type ControllerGetCapabilitiesResponse,
  ControllerGetVolumeResponseSchema,
  ExpansionMode,
  type ListVolumesResponse,
  ListVolumesResponseSchema,
  NodeCapability,
  NodeGetVolumeStatsResponseSchema,
  PluginService,
  UsageUnit,
  VolumeHealthErrorType,
} from "@kx/core/contracts/csi";
import { createMetrics } from "@kx/core/metrics";
import { collectingLogger } from "@kx/core/testing";
import { describe, expect, it, vi } from "vitest";
import { memoryState } from "../../test/support/memory-state.ts";
import { serveDriver, statusOf } from "../../test/support/serve-driver.ts";
import { capabilitiesOf } from "./capabilities.ts";
import type { CsiDriverDefinition } from "./csi-driver.ts";
import { defineCsiDriver } from "./define-csi-driver.ts";

const name = "identity.csi.kx.dev";
const none = async () => ({});
const nothing = async () => undefined;
const patience = { timeout: 20_000 };

describe("capabilities", () => {
  it("are none without handlers, and those of the handlers with them", () => {
    expect(capabilitiesOf({ name })).toMatchObject({ services: [], controller: [], node: [], groupController: [] });
    const { services, controller, node, expansion } = capabilitiesOf({
      name,
      features: { clone: true, topology: true, expansion: "online", publishedNodes: true, volumeMountGroup: true },
      createVolume: none,
      deleteVolume: nothing,
      controllerPublishVolume: none,
      controllerUnpublishVolume: nothing,
      listVolumes: none,
      controllerExpandVolume: none,
      nodeStageVolume: nothing,
      nodeUnstageVolume: nothing,
      nodeGetInfo: async () => ({ nodeId: "n" }),
    });
    expect(services).toEqual([PluginService.CONTROLLER_SERVICE, PluginService.VOLUME_ACCESSIBILITY_CONSTRAINTS]);
    expect(controller.map((one) => ControllerCapability[one])).toEqual([
      "CREATE_DELETE_VOLUME",
      "PUBLISH_UNPUBLISH_VOLUME",
      "LIST_VOLUMES",
      "CLONE_VOLUME",
      "EXPAND_VOLUME",
      "LIST_VOLUMES_PUBLISHED_NODES",
      "SINGLE_NODE_MULTI_WRITER",
    ]);
    expect(node).toEqual([
      NodeCapability.STAGE_UNSTAGE_VOLUME,
      NodeCapability.SINGLE_NODE_MULTI_WRITER,
      NodeCapability.VOLUME_MOUNT_GROUP,
    ]);
    expect(expansion).toBe(ExpansionMode.ONLINE);
    const refused = capabilitiesOf({ name, features: { singleNodeMultiWriter: false }, createVolume: none });
    expect(refused.controller).toEqual([ControllerCapability.CREATE_DELETE_VOLUME]);
  });

  it("are what is served: anything else is UNIMPLEMENTED, also by the process's mode", async () => {
    const definition: CsiDriverDefinition = {
      name,
      state: memoryState(),
      createVolume: none,
      deleteVolume: nothing,
      nodeGetInfo: async () => ({ nodeId: "n" }),
    };
    await using served = await serveDriver(defineCsiDriver<CsiDriverDefinition>(definition), { mode: "node" });
    expect((await served.node.nodeGetInfo({})).nodeId).toBe("n");
    expect(await statusOf(served.node.nodeExpandVolume({}))).toBe("UNIMPLEMENTED");
    expect(await statusOf(served.controller.createVolume({}))).toBe("UNIMPLEMENTED");
    const { capabilities } = await served.identity.getPluginCapabilities({});
    expect(capabilities.map(({ type }) => type.value?.type)).toEqual([PluginService.CONTROLLER_SERVICE]);
    expect(await served.identity.getPluginInfo({})).toMatchObject({ name, vendorVersion: "0.0.0" });
  });
});

describe("starting", () => {
  it("answers Probe with not ready, and everything else with UNAVAILABLE, until init is done", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    let isWell = true;
    const driver = defineCsiDriver({
      name,
      init: () => promise,
      probe: async () => ({ ready: isWell }),
      nodeGetInfo: async () => ({ nodeId: "n" }),
    });
    await using served = await serveDriver(driver, { isEarly: true });
    expect((await served.identity.probe({})).ready).toBe(false);
    expect((await served.identity.getPluginInfo({})).name).toBe(name);
    expect(await statusOf(served.node.nodeGetInfo({}))).toBe("UNAVAILABLE");
    resolve();
    await served.running.ready;
    expect((await served.identity.probe({})).ready).toBe(true);
    expect(await statusOf(served.node.nodeGetInfo({}))).toBe("OK");
    isWell = false;
    expect((await served.identity.probe({})).ready).toBe(false);
  });

  it("ends where init or the state fails", async () => {
    const driver = defineCsiDriver({
      name,
      init: () => Promise.reject(new Error("no backend")),
      nodeGetInfo: async () => ({ nodeId: "n" }),
    });
    await using served = await serveDriver(driver, { isEarly: true });
    await expect(served.running.ready).rejects.toThrow("no backend");
    expect(await statusOf(served.identity.probe({}))).toBe("UNAVAILABLE");
  });
});

describe("callers of CSI 1.12 and older", () => {
  it("get a condition in the bytes that 1.13 has reserved, and are told so by its capability", async () => {
    const volumeHealth = {
      volumeId: "v",
      healthStatuses: [{ status: VolumeHealthErrorType.DEGRADED, reason: "Slow", message: "a disk is gone" }],
    };
    const driver = defineCsiDriver({
      name,
      features: { volumeCondition: true },
      validateVolumeCapabilities: none,
      controllerGetVolume: async () => ({ volume: { volumeId: "v" }, status: {} }),
      controllerGetVolumeHealth: async () => ({ volumeHealth }),
      nodeGetVolumeStats: async () => ({ usage: [{ unit: UsageUnit.BYTES, total: 1n }] }),
      nodeGetVolumeHealth: async () => ({ volumeHealth: { volumeId: "v" } }),
      nodeGetInfo: async () => ({ nodeId: "n" }),
    });
    await using served = await serveDriver(driver);
    const got = await served.controller.controllerGetVolume({ volumeId: "v" });
    // Field 2 of the status: { abnormal (1): true, message (2) }.
    const bytes = Buffer.from(toBinary(ControllerGetVolumeResponseSchema, got));
    const condition = Buffer.concat([Buffer.from([0x08, 1, 0x12, 14]), Buffer.from("a disk is gone")]);
    expect(bytes.includes(Buffer.concat([Buffer.from([0x12, condition.length]), condition]))).toBe(true);
    const stats = await served.node.nodeGetVolumeStats({ volumeId: "v", volumePath: "/p" });
    const well = Buffer.from(toBinary(NodeGetVolumeStatsResponseSchema, stats)).toString("latin1");
    expect(well).toContain("\x12\x14\x12\x12the volume is well");
    const numbers = ({ capabilities }: ControllerGetCapabilitiesResponse) =>
      capabilities.map(({ type }) => type.value?.type);
    expect(numbers(await served.controller.controllerGetCapabilities({}))).toContain(11);
    const { capabilities } = await served.node.nodeGetCapabilities({});
    expect(capabilities.map(({ type }) => type.value?.type)).toContain(4);
  });

  it("get the conditions of a page by asking for its volumes alone, and of a whole list by one call", async () => {
    const ids = Array.from({ length: 40 }, (_, index) => `v${index + 10}`);
    const healthStatuses = [{ status: VolumeHealthErrorType.DEGRADED, reason: "Slow", message: "a disk is gone" }];
    const asked: string[] = [];
    const driver = defineCsiDriver({
      name,
      features: { volumeCondition: true },
      validateVolumeCapabilities: none,
      listVolumes: async () => ({ entries: ids.map((volumeId) => ({ volume: { volumeId }, status: {} })) }),
      async controllerGetVolumeHealth({ volumeId }) {
        asked.push(volumeId);
        return { volumeHealth: { volumeId, healthStatuses: volumeId === "v22" ? healthStatuses : [] } };
      },
      async controllerListVolumeHealth() {
        asked.push("all");
        return { entries: [{ volumeId: "v22", healthStatuses }] };
      },
    });
    await using served = await serveDriver(driver);
    const isGone = ({ entries }: ListVolumesResponse) =>
      entries
        .map((entry) => toBinary(ListVolumesResponseSchema, create(ListVolumesResponseSchema, { entries: [entry] })))
        .map((bytes) => Buffer.from(bytes).includes("a disk is gone"));
    const { nextToken } = await served.controller.listVolumes({ maxEntries: 3 });
    expect(asked.splice(0).toSorted()).toEqual(["v10", "v11", "v12"]);
    const page = await served.controller.listVolumes({ maxEntries: 20, startingToken: nextToken });
    expect(asked.splice(0).toSorted()).toEqual(ids.slice(3, 23));
    expect(isGone(page)).toEqual(ids.slice(3, 23).map((id) => id === "v22"));
    expect(isGone(await served.controller.listVolumes({}))).toEqual(ids.map((id) => id === "v22"));
    expect(asked).toEqual(["all"]);
  });
});

describe("metrics", () => {
  it("have the names and buckets that dashboards of other drivers use", async () => {
    const metrics = await createMetrics();
    const driver = defineCsiDriver({ name, nodeGetInfo: async () => ({ nodeId: "n" }) });
    await using served = await serveDriver(driver, { metrics });
    await served.node.nodeGetInfo({});
    expect(await statusOf(served.node.nodePublishVolume({}))).toBe("UNIMPLEMENTED");
    await vi.waitFor(async () => {
      const text = await metrics.text();
      const labels = [
        'le="0.1"',
        'method_name="/csi.v1.Node/NodeGetInfo"',
        'grpc_status_code="OK"',
        `driver_name="${name}"`,
      ];
      const lines = text.split("\n").filter((line) => line.startsWith("csi_plugin_operations_seconds_bucket{"));
      expect(lines.filter((line) => labels.every((label) => line.includes(label)))).toHaveLength(1);
      expect(text).toContain('le="600"');
      expect(text).toContain("kx_csi_operations_running 0");
    }, patience);
  });
});

describe("the object CSIDriver", () => {
  it("says of each field what the definition says, and else Kubernetes' default", () => {
    const env = { namespace: "kube-system", image: "none" };
    const plain = defineCsiDriver({ name, nodeGetInfo: async () => ({ nodeId: "n" }) });
    const [object, ...roles] = plain.manifests(env);
    expect(new Set(roles.map(({ kind }) => kind))).toEqual(new Set(["ClusterRole"]));
    expect([object]).toEqual([
      {
        apiVersion: "storage.k8s.io/v1",
        kind: "CSIDriver",
        metadata: { name },
        spec: {
          attachRequired: false,
          fsGroupPolicy: "ReadWriteOnceWithFSType",
          podInfoOnMount: false,
          requiresRepublish: false,
          seLinuxMount: false,
          storageCapacity: false,
          tokenRequests: [],
          volumeLifecycleModes: ["Persistent"],
        },
      },
    ]);
    const csiDriver = {
      fsGroupPolicy: "File",
      podInfoOnMount: true,
      requiresRepublish: true,
      seLinuxMount: true,
      storageCapacity: true,
      tokenRequests: [{ audience: "vault", expirationSeconds: 600 }],
      volumeLifecycleModes: ["Persistent", "Ephemeral"],
      nodeAllocatableUpdatePeriodSeconds: 60,
      serviceAccountTokenInSecrets: true,
      preventPodSchedulingIfMissing: true,
    } as const;
    const full = defineCsiDriver<CsiDriverDefinition>({
      name,
      state: memoryState(),
      csiDriver: { ...csiDriver, tokenRequests: [...csiDriver.tokenRequests] },
      controllerPublishVolume: none,
      controllerUnpublishVolume: nothing,
    });
    const [told] = full.manifests(env);
    expect(told?.["spec"]).toEqual({ attachRequired: true, ...csiDriver });
    expect(Object.keys(told?.["spec"] ?? {})).toHaveLength(11);
  });

  it("is part of an extension that a host can run", () => {
    const driver = defineCsiDriver({ name, nodeGetInfo: async () => ({ nodeId: "n" }) });
    const env = { log: collectingLogger(), clock: { now: () => 0, sleep: nothing } };
    expect(driver.parts({ ...env, role: "node" }).map((part) => part.name)).toEqual([
      `csi ${name}`,
      `registrar ${name}`,
    ]);
    const taints = driver.parts({ ...env, role: "controller" }).map((part) => part.name);
    expect(taints).toEqual(["identity-csi-kx-dev-startup-taint/cache", "identity-csi-kx-dev-startup-taint/workers"]);
    expect(driver.node?.hostPaths?.[0]).toEqual({ path: "/var/lib/kubelet", propagation: "Bidirectional" });
  });
});
