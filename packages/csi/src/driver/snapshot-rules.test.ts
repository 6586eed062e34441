import { AccessMode, BlockMetadataType } from "@kx/core/contracts/csi";
import { describe, expect, it } from "vitest";
import { memoryState } from "../../test/support/memory-state.ts";
import { type ServedDriver, serveDriver, statusOf } from "../../test/support/serve-driver.ts";
import type { CsiDriverDefinition } from "./csi-driver.ts";
import { csiError } from "./csi-error.ts";
import { defineCsiDriver } from "./define-csi-driver.ts";

const creationTime = { seconds: 7n, nanos: 0 };

function snapshotDriver(own: Partial<CsiDriverDefinition> = {}) {
  const calls: string[] = [];
  const definition: CsiDriverDefinition = {
    name: "snapshots.csi.kx.dev",
    state: memoryState(),
    createVolume: async ({ name }) => ({ volume: { volumeId: `id-${name}`, capacityBytes: 10n } }),
    deleteVolume: async () => undefined,
    async createSnapshot({ name, sourceVolumeId }) {
      calls.push(`create ${name}`);
      return { snapshot: { snapshotId: `s-${name}`, sourceVolumeId, creationTime, readyToUse: true, sizeBytes: 10n } };
    },
    deleteSnapshot: async ({ snapshotId }) => void calls.push(`delete ${snapshotId}`),
    async createVolumeGroupSnapshot({ name, sourceVolumeIds }) {
      calls.push(`group ${name}`);
      const groupSnapshotId = `g-${name}`;
      const snapshots = sourceVolumeIds.map((sourceVolumeId) => ({
        snapshotId: `${groupSnapshotId}-${sourceVolumeId}`,
        sourceVolumeId,
        creationTime,
        readyToUse: true,
        groupSnapshotId,
      }));
      return { groupSnapshot: { groupSnapshotId, snapshots, creationTime, readyToUse: true } };
    },
    deleteVolumeGroupSnapshot: async ({ groupSnapshotId }) => void calls.push(`delete ${groupSnapshotId}`),
    getVolumeGroupSnapshot: async ({ groupSnapshotId }) => ({ groupSnapshot: { groupSnapshotId, creationTime } }),
    ...own,
  };
  return { calls, driver: defineCsiDriver<CsiDriverDefinition>(definition) };
}

async function volume({ controller }: ServedDriver, name: string): Promise<string> {
  const accessType = { case: "mount", value: {} } as const;
  const volumeCapabilities = [{ accessType, accessMode: { mode: AccessMode.SINGLE_NODE_WRITER } }];
  return (await controller.createVolume({ name, volumeCapabilities })).volume?.volumeId ?? "";
}

describe("snapshots", () => {
  it("are taken once a name, of one volume, and deleted more than once", async () => {
    const { driver, calls } = snapshotDriver();
    await using served = await serveDriver(driver);
    const [a, b] = [await volume(served, "a"), await volume(served, "b")];
    const take = (change: object = {}) => served.controller.createSnapshot({ name: "x", sourceVolumeId: a, ...change });
    const first = await take();
    expect(await take({ parameters: { "csi.storage.k8s.io/volumesnapshot/name": "n" } })).toEqual(first);
    expect(await statusOf(take({ sourceVolumeId: b }))).toBe("ALREADY_EXISTS");
    expect(await statusOf(take({ parameters: { tier: "cold" } }))).toBe("ALREADY_EXISTS");
    expect(await statusOf(take({ name: "y", sourceVolumeId: "gone" }))).toBe("NOT_FOUND");
    const { snapshotId = "" } = first.snapshot ?? {};
    await served.controller.deleteSnapshot({ snapshotId });
    await served.controller.deleteSnapshot({ snapshotId });
    expect(calls).toEqual(["create x", "delete s-x"]);
    await take({ sourceVolumeId: b });
  });

  it("are asked about until they are ready", async () => {
    const answers = [false, false, true];
    const stored: unknown[] = [];
    const { driver } = snapshotDriver({
      async createSnapshot({ sourceVolumeId }, ctx) {
        stored.push(ctx.stored?.id);
        const readyToUse = answers.shift() ?? true;
        return { snapshot: { snapshotId: "s", sourceVolumeId, creationTime, readyToUse } };
      },
    });
    await using served = await serveDriver(driver);
    const request = { name: "x", sourceVolumeId: await volume(served, "a") };
    const ready: unknown[] = [];
    for (let tries = 0; tries < 4; tries++) {
      ready.push((await served.controller.createSnapshot(request)).snapshot?.readyToUse);
    }
    expect(ready).toEqual([false, false, true, true]);
    expect(stored).toEqual([undefined, "s", "s"]);
  });
});

describe("groups", () => {
  it("come and go as a whole, with members that can be restored and not be deleted alone", async () => {
    const { driver, calls } = snapshotDriver();
    await using served = await serveDriver(driver);
    const sourceVolumeIds = [await volume(served, "a"), await volume(served, "b")];
    const take = (change: object = {}) =>
      served.groups.createVolumeGroupSnapshot({ name: "x", sourceVolumeIds, ...change });
    const first = await take();
    expect(await take({ sourceVolumeIds: sourceVolumeIds.toReversed() })).toEqual(first);
    expect(await statusOf(take({ sourceVolumeIds: sourceVolumeIds.slice(1) }))).toBe("ALREADY_EXISTS");
    expect(await statusOf(take({ name: "y", sourceVolumeIds: ["gone"] }))).toBe("NOT_FOUND");
    const members = first.groupSnapshot?.snapshots.map(({ snapshotId }) => snapshotId) ?? [];
    expect(members).toHaveLength(2);
    const alone = served.controller.deleteSnapshot({ snapshotId: members[0] ?? "" });
    expect(await statusOf(alone)).toBe("INVALID_ARGUMENT");
    const restore = (snapshotId: string) =>
      served.controller.createVolume({
        name: `of ${snapshotId}`,
        volumeCapabilities: [
          { accessType: { case: "mount", value: {} }, accessMode: { mode: AccessMode.SINGLE_NODE_WRITER } },
        ],
        volumeContentSource: { type: { case: "snapshot", value: { snapshotId } } },
      });
    await restore(members[0] ?? "");
    const groupSnapshotId = "g-x";
    const other = served.groups.getVolumeGroupSnapshot({ groupSnapshotId, snapshotIds: ["other"] });
    expect(await statusOf(other)).toBe("INVALID_ARGUMENT");
    await served.groups.deleteVolumeGroupSnapshot({ groupSnapshotId, snapshotIds: members });
    await served.groups.deleteVolumeGroupSnapshot({ groupSnapshotId, snapshotIds: members });
    expect(await statusOf(served.groups.getVolumeGroupSnapshot({ groupSnapshotId }))).toBe("NOT_FOUND");
    expect(await statusOf(restore(members[1] ?? ""))).toBe("NOT_FOUND");
    expect(calls).toEqual(["group x", "delete g-x"]);
  });
});

describe("snapshot metadata", () => {
  const range = { blockMetadataType: BlockMetadataType.FIXED_LENGTH, volumeCapacityBytes: 10n };
  const collect = async (messages: AsyncIterable<{ readonly blockMetadata: readonly object[] }>) => {
    let count = 0;
    for await (const { blockMetadata } of messages) count += blockMetadata.length;
    return count;
  };

  it("is streamed, for snapshots that exist and offsets that can be", async () => {
    const { driver } = snapshotDriver({
      async *getMetadataAllocated({ startingOffset }) {
        if (startingOffset > 10n) throw csiError("OUT_OF_RANGE", "the volume has 10 bytes");
        yield { ...range, blockMetadata: [{ byteOffset: 0n, sizeBytes: 4n }] };
        yield { ...range, blockMetadata: [{ byteOffset: 4n, sizeBytes: 4n }] };
      },
      async *getMetadataDelta() {
        yield { ...range, blockMetadata: [{ byteOffset: 0n, sizeBytes: 0n }] };
      },
    });
    await using served = await serveDriver(driver);
    const sourceVolumeId = await volume(served, "a");
    await served.controller.createSnapshot({ name: "x", sourceVolumeId });
    const allocated = (change: object) =>
      collect(served.metadata.getMetadataAllocated({ snapshotId: "s-x", startingOffset: 0n, ...change }));
    expect(await allocated({})).toBe(2);
    expect(await statusOf(allocated({ snapshotId: "gone" }))).toBe("NOT_FOUND");
    expect(await statusOf(allocated({ snapshotId: "" }))).toBe("INVALID_ARGUMENT");
    expect(await statusOf(allocated({ startingOffset: -1n }))).toBe("OUT_OF_RANGE");
    expect(await statusOf(allocated({ startingOffset: 11n }))).toBe("OUT_OF_RANGE");
    const wrong = collect(served.metadata.getMetadataDelta({ baseSnapshotId: "s-x", targetSnapshotId: "s-x" }));
    await expect(wrong).rejects.toThrow("size_bytes is missing");
  });
});
