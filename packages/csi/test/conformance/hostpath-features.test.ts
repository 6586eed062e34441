// What the hostpath driver does beyond what csi-sanity looks at, over its socket, with real mounts.
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AccessMode } from "@kx/core/contracts/csi";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { asBlock, type CsiClients, csiClients, fromSnapshot, mounted } from "../support/csi-clients.ts";
import { type DriverProcess, loopsOf, startHostpath } from "../support/driver-process.ts";
import { canMount } from "../support/needs.ts";
import { statusOf } from "../support/status-of.ts";

const mebibyte = 1024 ** 2;

describe.skipIf(!canMount("the hostpath driver is not tried"))("the hostpath driver", () => {
  let driver: DriverProcess;
  let csi: CsiClients;
  let lastNumber = 0;

  beforeAll(async () => {
    driver = await startHostpath(["--capacity", "1Gi", "--max-volumes-per-node", "2", "--attach"]);
    csi = csiClients(driver.socket);
  });
  afterAll(async () => {
    csi.close();
    await driver[Symbol.asyncDispose]();
  });

  const name = () => `n-${++lastNumber}`;
  const size = (bytes: number) => ({ requiredBytes: BigInt(bytes), limitBytes: 0n });
  const create = async (bytes: number, more = {}) => {
    const request = { name: name(), capacityRange: size(bytes), volumeCapabilities: [mounted()], ...more };
    return (await csi.controller.createVolume(request)).volume?.volumeId ?? "";
  };
  const stage = async (volumeId: string, volumeCapability: ReturnType<typeof mounted | typeof asBlock>) => {
    const stagingTargetPath = join(driver.folder, name());
    await mkdir(stagingTargetPath);
    await csi.node.nodeStageVolume({ volumeId, stagingTargetPath, volumeCapability });
    return stagingTargetPath;
  };
  /** Stages and publishes; gives what undoes it and where the volume is. */
  const use = async (
    volumeId: string,
    volumeCapability: ReturnType<typeof mounted | typeof asBlock>,
    readonly = false,
  ) => {
    const stagingTargetPath = await stage(volumeId, volumeCapability);
    const targetPath = join(driver.folder, name());
    await csi.node.nodePublishVolume({ volumeId, stagingTargetPath, targetPath, volumeCapability, readonly });
    const end = async () => {
      await csi.node.nodeUnpublishVolume({ volumeId, targetPath });
      await csi.node.nodeUnstageVolume({ volumeId, stagingTargetPath });
    };
    return { targetPath, stagingTargetPath, end };
  };
  const sh = (script: string, ...args: readonly string[]) => driver.inside("sh", ["-ec", script, "sh", ...args]);

  it("limits the size of a volume in an image, and really grows it while it is not mounted", async () => {
    const parameters = { backing: "image" };
    const volumeId = await create(16 * mebibyte, { parameters });
    const first = await use(volumeId, mounted());
    await expect(sh('head -c 20000000 /dev/zero > "$1/big"', first.targetPath)).rejects.toThrow(/No space left/);
    await sh('rm "$1/big"; echo kept > "$1/file"', first.targetPath);
    await first.end();
    await csi.controller.controllerExpandVolume({ volumeId, capacityRange: size(64 * mebibyte) });
    const second = await use(volumeId, mounted());
    await sh('head -c 40000000 /dev/zero > "$1/big"', second.targetPath);
    expect(await driver.inside("cat", [join(second.targetPath, "file")])).toBe("kept\n");
    const { usage } = await csi.node.nodeGetVolumeStats({ volumeId, volumePath: second.targetPath });
    expect(Number(usage[0]?.total)).toBeGreaterThan(50 * mebibyte);
    await second.end();
    await csi.controller.deleteVolume({ volumeId });
    expect(await loopsOf(driver.folder)).toEqual([]);
  });

  it("publishes a device that grows while it is in use, and one that nobody can write to", async () => {
    const volumeId = await create(4 * mebibyte, { volumeCapabilities: [asBlock()] });
    const used = await use(volumeId, asBlock());
    await sh('echo block > "$1"', used.targetPath);
    await csi.controller.controllerExpandVolume({ volumeId, capacityRange: size(8 * mebibyte) });
    const { capacityBytes } = await csi.node.nodeExpandVolume({ volumeId, volumePath: used.targetPath });
    expect(Number(capacityBytes)).toBe(8 * mebibyte);
    expect(await driver.inside("blockdev", ["--getsize64", used.targetPath])).toBe(`${8 * mebibyte}\n`);
    await used.end();
    const readOnly = await use(volumeId, asBlock(), true);
    expect(await driver.inside("head", ["-c", "5", readOnly.targetPath])).toBe("block");
    expect(await driver.inside("blockdev", ["--getro", readOnly.targetPath])).toBe("1\n");
    await readOnly.end();
    await csi.controller.deleteVolume({ volumeId });
    expect(await loopsOf(driver.folder)).toEqual([]);
  });

  it.each(["directory", "image"])(
    "makes an inline volume of its own for a pod, kept as %s, and removes it",
    async (backing) => {
      const volumeContext = {
        "csi.storage.k8s.io/ephemeral": "true",
        "csi.storage.k8s.io/pod.name": "pod",
        ...(backing === "image" ? { backing, size: "16Mi" } : {}),
      };
      const request = {
        volumeId: `csi-${backing}`,
        targetPath: join(driver.folder, name()),
        volumeCapability: mounted(),
        volumeContext,
      };
      await csi.node.nodePublishVolume(request);
      await csi.node.nodePublishVolume(request);
      await sh('echo text > "$1/file"; test "$(cat "$1/file")" = text', request.targetPath);
      expect(await readdir(join(driver.stateDir, "ephemeral"))).toEqual([`csi-${backing}`]);
      await csi.node.nodeUnpublishVolume(request);
      await csi.node.nodeUnpublishVolume(request);
      expect(await readdir(join(driver.stateDir, "ephemeral"))).toEqual([]);
      expect(await loopsOf(driver.folder)).toEqual([]);
    },
  );

  it("lets the group of volume_mount_group write, also what is made later", async () => {
    const volumeId = await create(mebibyte);
    await writeFile(join(driver.stateDir, "volumes", volumeId, "before"), "");
    const used = await use(volumeId, mounted(AccessMode.SINGLE_NODE_WRITER, "4711"));
    await sh('touch "$1/after"', used.targetPath);
    for (const file of ["before", "after"]) {
      expect((await stat(join(driver.stateDir, "volumes", volumeId, file))).gid, file).toBe(4711);
    }
    await used.end();
    await csi.controller.deleteVolume({ volumeId });
  });

  it("takes a group of snapshots at one moment, of which each can be restored, and deletes it whole", async () => {
    const parameters = { backing: "image" };
    const ids = [await create(16 * mebibyte, { parameters }), await create(16 * mebibyte, { parameters })];
    const used = [await use(ids[0] ?? "", mounted()), await use(ids[1] ?? "", mounted())];
    for (const { targetPath } of used) await sh('echo grouped > "$1/file"', targetPath);
    const request = { name: name(), sourceVolumeIds: ids };
    const { groupSnapshot } = await csi.group.createVolumeGroupSnapshot(request);
    expect((await csi.group.createVolumeGroupSnapshot(request)).groupSnapshot).toEqual(groupSnapshot);
    // The file systems go on.
    for (const { targetPath } of used) await sh('echo later > "$1/file"', targetPath);
    expect(groupSnapshot?.snapshots.map(({ sourceVolumeId }) => sourceVolumeId)).toEqual(ids);
    const restored = [];
    for (const { snapshotId } of groupSnapshot?.snapshots ?? []) {
      expect((await csi.controller.getSnapshot({ snapshotId })).snapshot?.groupSnapshotId).toBe(
        groupSnapshot?.groupSnapshotId,
      );
      expect(await statusOf(csi.controller.deleteSnapshot({ snapshotId }))).toBe("INVALID_ARGUMENT");
      const volumeId = await create(16 * mebibyte, { parameters, volumeContentSource: fromSnapshot(snapshotId) });
      restored.push(volumeId);
      const one = await use(volumeId, mounted());
      expect(await driver.inside("cat", [join(one.targetPath, "file")])).toBe("grouped\n");
      await one.end();
    }
    const { groupSnapshotId = "" } = groupSnapshot ?? {};
    await csi.group.deleteVolumeGroupSnapshot({ groupSnapshotId });
    expect(await readdir(join(driver.stateDir, "snapshots"))).toEqual([]);
    for (const { end } of used) await end();
    for (const volumeId of [...ids, ...restored]) await csi.controller.deleteVolume({ volumeId });
  });

  it("tells which blocks of a snapshot hold data, and which have changed since another", async () => {
    const volumeId = await create(8 * mebibyte, { volumeCapabilities: [asBlock()] });
    const path = join(driver.stateDir, "volumes", volumeId);
    const write = (offset: number, length: number) =>
      sh(
        'head -c "$3" /dev/zero | tr "\\0" x | dd of="$1" bs=4096 seek="$2" conv=notrunc status=none',
        path,
        String(offset / 4096),
        String(length),
      );
    const take = async () =>
      (await csi.controller.createSnapshot({ name: name(), sourceVolumeId: volumeId })).snapshot?.snapshotId ?? "";
    await write(0, 100);
    await write(3 * mebibyte, 8192);
    const base = await take();
    await write(mebibyte, 4096);
    await write(8 * mebibyte - 4096, 4096);
    const target = await take();
    const rangesOf = async (
      stream: AsyncIterable<{
        readonly blockMetadata: readonly { readonly byteOffset: bigint; readonly sizeBytes: bigint }[];
      }>,
    ) => {
      const found: (readonly [number, number])[] = [];
      for await (const { blockMetadata } of stream) {
        for (const { byteOffset, sizeBytes } of blockMetadata) found.push([Number(byteOffset), Number(sizeBytes)]);
      }
      return found;
    };
    const first = [0, 4096];
    const second = [3 * mebibyte, 8192];
    const changed = [
      [mebibyte, 4096],
      [8 * mebibyte - 4096, 4096],
    ];
    expect(await rangesOf(csi.metadata.getMetadataAllocated({ snapshotId: base, maxResults: 1 }))).toEqual([
      first,
      second,
    ]);
    expect(await rangesOf(csi.metadata.getMetadataAllocated({ snapshotId: base, startingOffset: 4096n }))).toEqual([
      second,
    ]);
    const delta = { baseSnapshotId: base, targetSnapshotId: target };
    expect(await rangesOf(csi.metadata.getMetadataDelta(delta))).toEqual(changed);
    expect(await rangesOf(csi.metadata.getMetadataDelta({ ...delta, startingOffset: BigInt(2 * mebibyte) }))).toEqual([
      changed[1],
    ]);
    const beyond = rangesOf(
      csi.metadata.getMetadataAllocated({ snapshotId: base, startingOffset: BigInt(9 * mebibyte) }),
    );
    expect(await statusOf(beyond)).toBe("OUT_OF_RANGE");
    for (const snapshotId of [base, target]) await csi.controller.deleteSnapshot({ snapshotId });
    await csi.controller.deleteVolume({ volumeId });
  });

  it("gives no more than its capacity, and tells what is left, also after a restart", async () => {
    const left = async () => Number((await csi.controller.getCapacity({})).availableCapacity) / mebibyte;
    expect(await left()).toBe(1024);
    const volumeId = await create(1000 * mebibyte);
    expect(await left()).toBe(24);
    expect(await statusOf(create(25 * mebibyte))).toBe("RESOURCE_EXHAUSTED");
    expect(
      await statusOf(csi.controller.controllerExpandVolume({ volumeId, capacityRange: size(1025 * mebibyte) })),
    ).toBe("RESOURCE_EXHAUSTED");
    await driver.stop("SIGKILL");
    await driver.restart();
    expect((await csi.controller.getCapacity({}, { waitForReady: true })).availableCapacity).toBe(
      BigInt(24 * mebibyte),
    );
    await csi.controller.deleteVolume({ volumeId });
    expect(await left()).toBe(1024);
    const elsewhere = { segments: { "topology.hostpath.csi.kx.dev/node": "node-2" } };
    expect((await csi.controller.getCapacity({ accessibleTopology: elsewhere })).availableCapacity).toBe(0n);
    const accessibilityRequirements = { requisite: [elsewhere] };
    expect(await statusOf(create(mebibyte, { accessibilityRequirements }))).toBe("RESOURCE_EXHAUSTED");
  });

  it("attaches as many volumes as the node may have, also after a restart", async () => {
    const ids = [await create(mebibyte), await create(mebibyte), await create(mebibyte)];
    const attach = (volumeId = "") =>
      statusOf(
        csi.controller.controllerPublishVolume(
          { volumeId, nodeId: "node-1", volumeCapability: mounted() },
          { waitForReady: true },
        ),
      );
    expect([await attach(ids[0]), await attach(ids[1]), await attach(ids[2])]).toEqual([
      "OK",
      "OK",
      "RESOURCE_EXHAUSTED",
    ]);
    await driver.stop("SIGKILL");
    await driver.restart();
    expect([await attach(ids[2]), await attach(ids[1])]).toEqual(["RESOURCE_EXHAUSTED", "OK"]);
    await csi.controller.controllerUnpublishVolume({ volumeId: ids[0] ?? "", nodeId: "node-1" });
    expect(await attach(ids[2])).toBe("OK");
    for (const volumeId of ids) {
      await csi.controller.controllerUnpublishVolume({ volumeId });
      await csi.controller.deleteVolume({ volumeId });
    }
  });

  it("keeps what a VolumeAttributesClass sets, beside what it set before", async () => {
    const volumeId = await create(mebibyte, { mutableParameters: { tier: "slow", iops: "100" } });
    await csi.controller.controllerModifyVolume({ volumeId, mutableParameters: { tier: "fast" } });
    const stored = JSON.parse(await readFile(join(driver.stateDir, "state/volume", `${volumeId}.json`), "utf8"));
    expect(stored).toMatchObject({ data: { mutableParameters: { tier: "fast", iops: "100" } } });
    const wrong = csi.controller.controllerModifyVolume({ volumeId, mutableParameters: { iops: "-1" } });
    expect(await statusOf(wrong)).toBe("INVALID_ARGUMENT");
    await csi.controller.deleteVolume({ volumeId });
  });

  it("tells of a volume whose content is gone, and of one that is full", async () => {
    const [lost, full] = [await create(mebibyte), await create(16 * mebibyte, { parameters: { backing: "image" } })];
    const used = await use(full, mounted());
    await sh('head -c 20000000 /dev/zero > "$1/big" 2> /dev/null || true', used.targetPath);
    const node = await csi.node.nodeGetVolumeHealth({ volumeId: full, volumePublishPath: used.targetPath });
    expect(node.volumeHealth?.healthStatuses.map(({ reason }) => reason)).toEqual(["VolumeFull"]);
    await used.end();
    await driver.inside("rmdir", [join(driver.stateDir, "volumes", lost)]);
    const { entries } = await csi.controller.controllerListVolumeHealth({});
    expect(entries.map(({ volumeId, healthStatuses }) => [volumeId, healthStatuses[0]?.reason])).toEqual([
      [lost, "ContentMissing"],
    ]);
    for (const volumeId of [lost, full]) await csi.controller.deleteVolume({ volumeId });
  });

  it("lets several pods of the node share a volume, each read-only if asked", async () => {
    const volumeId = await create(mebibyte, { volumeCapabilities: [mounted(AccessMode.MULTI_NODE_MULTI_WRITER)] });
    const volumeCapability = mounted(AccessMode.MULTI_NODE_MULTI_WRITER);
    const stagingTargetPath = await stage(volumeId, volumeCapability);
    const [one, other] = [join(driver.folder, name()), join(driver.folder, name())];
    const request = { volumeId, stagingTargetPath, volumeCapability };
    await csi.node.nodePublishVolume({ ...request, targetPath: one });
    await csi.node.nodePublishVolume({ ...request, targetPath: other, readonly: true });
    await sh('echo shared > "$1/file"; test "$(cat "$2/file")" = shared', one, other);
    await expect(sh('echo x > "$1/file"', other)).rejects.toThrow(/Read-only file system/);
    for (const targetPath of [one, other]) await csi.node.nodeUnpublishVolume({ volumeId, targetPath });
    await csi.node.nodeUnstageVolume({ volumeId, stagingTargetPath });
    await csi.controller.deleteVolume({ volumeId });
  });
});
