import { AccessMode } from "@kx/core/contracts/csi";
import { describe, expect, it } from "vitest";
import type { Capability } from "../read-capabilities.ts";
import { planTestDriver, type TestDriverFacts } from "./plan-test-driver.ts";
import { type TestCapability, testCapabilities } from "./test-driver-file.ts";

const bare: TestDriverFacts = {
  name: "disk.example.com",
  capabilities: new Set(),
  node: { maxVolumes: 0n, topologyKeys: [] },
  spec: { fsGroupPolicy: "None" },
  fsTypes: [],
};
const having = (...capabilities: readonly Capability[]) => ({ ...bare, capabilities: new Set(capabilities) });
const told = (facts: TestDriverFacts) =>
  testCapabilities.filter((one) => planTestDriver(facts).DriverInfo.Capabilities[one]);
/** What every driver has. */
const always: readonly TestCapability[] = ["exec", "multiplePVsSameID"];

describe("the capabilities of a test driver", () => {
  it.each<[string, TestDriverFacts, readonly TestCapability[]]>([
    ["of a driver that does nothing", bare, []],
    ["volumes", having("controller CREATE_DELETE_VOLUME"), ["persistence"]],
    ["snapshots", having("controller CREATE_DELETE_SNAPSHOT"), ["snapshotDataSource"]],
    ["snapshot metadata", having("plugin SNAPSHOT_METADATA_SERVICE"), ["snapshotMetadata"]],
    ["groups", having("group CREATE_DELETE_GET_VOLUME_GROUP_SNAPSHOT"), ["groupSnapshot"]],
    ["clones", having("controller CLONE_VOLUME"), ["pvcDataSource"]],
    ["modes of one node", having("node SINGLE_NODE_MULTI_WRITER"), ["multipods", "readWriteOncePod"]],
    ["mount groups", having("node VOLUME_MOUNT_GROUP"), ["fsGroup", "volumeMountGroup"]],
    [
      "growth at any time",
      having("controller EXPAND_VOLUME", "node EXPAND_VOLUME", "expansion ONLINE"),
      ["controllerExpansion", "nodeExpansion", "offlineExpansion", "onlineExpansion"],
    ],
    [
      "growth while not in use",
      having("controller EXPAND_VOLUME", "expansion OFFLINE"),
      ["controllerExpansion", "offlineExpansion"],
    ],
    [
      "capacity that the cluster is told",
      { ...having("controller GET_CAPACITY"), spec: { fsGroupPolicy: "None", storageCapacity: true } },
      ["capacity"],
    ],
    ["capacity that it is not", having("controller GET_CAPACITY"), []],
    ["a limit", { ...bare, node: { maxVolumes: 8n, topologyKeys: [] } }, ["volumeLimits"]],
    [
      "places",
      { ...having("plugin VOLUME_ACCESSIBILITY_CONSTRAINTS"), node: { maxVolumes: 0n, topologyKeys: ["zone"] } },
      ["topology"],
    ],
    ["SELinux", { ...bare, spec: { fsGroupPolicy: "None", seLinuxMount: true } }, ["seLinuxMount"]],
    ["the policy that Kubernetes gives", { ...bare, spec: {} }, ["fsGroup"]],
    [
      "uses",
      {
        ...bare,
        uses: { block: true, modes: new Set([AccessMode.MULTI_NODE_MULTI_WRITER, AccessMode.MULTI_NODE_READER_ONLY]) },
      },
      ["block", "RWX", "capReadOnlyMany"],
    ],
  ])("%s", (_, facts, expected) => {
    expect(told(facts).toSorted()).toEqual([...always, ...expected].toSorted());
  });
});

describe("the file of a test driver", () => {
  it("names classes only of what there is", () => {
    expect(Object.keys(planTestDriver(bare))).toEqual(["DriverInfo"]);
    const all = having(
      "controller CREATE_DELETE_VOLUME",
      "controller CREATE_DELETE_SNAPSHOT",
      "group CREATE_DELETE_GET_VOLUME_GROUP_SNAPSHOT",
      "controller MODIFY_VOLUME",
    );
    expect(planTestDriver(all, { snapshotClass: "snaps", attributesClass: "gold" })).toMatchObject({
      StorageClass: { FromName: true },
      SnapshotClass: { FromExistingClassName: "snaps" },
      GroupSnapshotClass: { FromName: true },
      VolumeAttributesClass: { FromExistingClassName: "gold" },
    });
  });

  it("has what is set by hand over what the driver tells", () => {
    const { DriverInfo, InlineVolumes } = planTestDriver(
      { ...bare, fsTypes: ["ext4"], spec: { volumeLifecycleModes: ["Ephemeral"] } },
      { minSize: "1Gi", maxSize: "2Gi", set: { singleNodeVolume: true, exec: false } },
    );
    expect(DriverInfo).toMatchObject({
      SupportedSizeRange: { Min: "1Gi", Max: "2Gi" },
      SupportedFsType: { "": {}, ext4: {} },
      Capabilities: { singleNodeVolume: true, exec: false },
    });
    expect(InlineVolumes).toEqual([{ Attributes: {} }]);
  });
});
