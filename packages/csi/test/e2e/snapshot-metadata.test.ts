// The snapshot-metadata service before a real API server: who may ask, what is answered, and what is left of it.
import { inspect } from "node:util";
import { Secret } from "@kx/controllers/api/core-v1";
import { eventually } from "@kx/controllers/testing";
import { type CsiDriverDefinition, csiError, defineCsiDriver } from "@kx/csi";
import { hostpath } from "@kx/csi/hostpath";
import { VolumeSnapshot, VolumeSnapshotClass, VolumeSnapshotContent } from "@kx/csi/snapshot-controller";
import { SnapshotMetadataService, snapshotBlocks } from "@kx/csi/snapshot-metadata";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type BackupLab, changed, startBackupLab, takeSnapshot, written } from "../support/backup-lab.ts";
import type { Way } from "../support/controllers-lab.ts";
import { type CsiLab } from "../support/csi-lab.ts";
import { rangesOf, type ServedMetadata, serveMetadataOf } from "../support/metadata-lab.ts";

const mebibyte = 1024 ** 2;
const ways: readonly Way[] = ["in process", "over its socket"];
const audience = "backup.example.com";

/** What the driver does beside its work. */
const driverSeen = { secrets: {} as Record<string, string>, streams: 0, messages: 0 };
/** What it shall do; given anew for each test. */
let behaviour: "work" | "endless" | "fail" = "work";
afterEach(() => {
  behaviour = "work";
});

/** The hostpath driver, whose streams can be told not to end. */
function watchedHostpath(stateDir: string) {
  const { definition } = hostpath({ nodeId: "node-1", stateDir, durability: "rename" });
  const { getMetadataAllocated } = definition;
  if (getMetadataAllocated === undefined) throw new Error("hostpath serves no metadata");
  return defineCsiDriver<CsiDriverDefinition>({
    ...definition,
    async *getMetadataAllocated(request, ctx) {
      driverSeen.secrets = { ...request.secrets };
      driverSeen.streams += 1;
      try {
        if (behaviour === "fail") throw csiError("BUSY", `not with ${request.secrets["password"]}`);
        if (behaviour === "work") return yield* getMetadataAllocated(request, ctx);
        for (let at = 0n; ; at += 4096n) {
          driverSeen.messages += 1;
          const blockMetadata = Array.from({ length: 500 }, () => ({ byteOffset: at, sizeBytes: 4096n }));
          yield { blockMetadataType: 2, volumeCapacityBytes: 1n << 40n, blockMetadata };
        }
      } finally {
        driverSeen.streams -= 1;
      }
    },
  });
}

let backup: BackupLab;
let lab: CsiLab;
let ca: string;
let namespace: string;
const served = new Map<Way, ServedMetadata>();

beforeAll(async () => {
  backup = await startBackupLab(watchedHostpath);
  ({ lab, ca, namespace } = backup);
  const { client } = lab;
  const driver = lab.driver.name;
  const parameters = {
    "csi.storage.k8s.io/snapshotter-secret-name": "for-${volumesnapshot.name}",
    "csi.storage.k8s.io/snapshotter-secret-namespace": "${volumesnapshot.namespace}",
  };
  await client.create(VolumeSnapshotClass, {
    metadata: { name: "secret" },
    driver,
    deletionPolicy: "Delete",
    parameters,
  });
  const { certFile, keyFile, caFile } = backup.authority;
  // The first tells the cluster, the second reads what that says.
  served.set("in process", await serveMetadataOf(lab, "in process", "inside", { certFile, keyFile, caFile, audience }));
  await eventually(() => client.get(SnapshotMetadataService, { name: driver }), { describe: "the announcement" });
  served.set("over its socket", await serveMetadataOf(lab, "over its socket", "outside", { certFile, keyFile }));
});
afterAll(async () => {
  for (const each of served.values()) await each[Symbol.asyncDispose]();
  await backup?.[Symbol.asyncDispose]();
});

const tokenOf = (name: "backup" | "nobody", forWhom = audience) => backup.tokenOf(name, forWhom);
const metadataOf = (way: Way) => {
  const found = served.get(way);
  if (found === undefined) throw new Error(`not served ${way}`);
  return found;
};

describe.each(ways)("the service, with its driver %s", (way) => {
  it("tells the blocks that were written, and those that changed", async () => {
    await using client = metadataOf(way).connect(ca);
    const securityToken = await tokenOf("backup");
    const asked = { securityToken, namespace: namespace };
    const allocated = (more: object = {}) =>
      client.calls.getMetadataAllocated({ ...asked, snapshotName: "base", ...more });
    expect(await rangesOf(allocated())).toEqual(written);
    expect(await rangesOf(allocated({ startingOffset: 4096n }))).toEqual(written.slice(1));
    const sizes: number[] = [];
    for await (const { blockMetadata, volumeCapacityBytes } of allocated({ maxResults: 1 })) {
      expect(volumeCapacityBytes).toBe(BigInt(8 * mebibyte));
      sizes.push(blockMetadata.length);
    }
    expect(sizes).toEqual([1, 1]);
    const delta = { ...asked, baseSnapshotId: backup.baseHandle, targetSnapshotName: "target" };
    expect(await rangesOf(client.calls.getMetadataDelta(delta))).toEqual(changed);
  });
});

describe("who asks", () => {
  const asked = (securityToken: string, more: object = {}) => ({
    securityToken,
    namespace: namespace,
    snapshotName: "base",
    ...more,
  });
  const failure = async (request: object) => {
    await using client = metadataOf("in process").connect(ca);
    return await rangesOf(client.calls.getMetadataAllocated(request)).then(
      () => {
        throw new Error("no failure");
      },
      (error: { readonly code: string; readonly message: string }) => `${error.code.slice(8)} ${error.message}`,
    );
  };

  it("must send a token of the cluster, for this service", async () => {
    expect(await failure(asked(""))).toMatch(/^INVALID_ARGUMENT .*security_token is missing/);
    expect(await failure(asked("nonsense"))).toMatch(/^UNAUTHENTICATED .*audience "backup.example.com"/);
    const other = await tokenOf("backup", "https://kubernetes.default.svc");
    expect(await failure(asked(other))).toMatch(/^UNAUTHENTICATED /);
  });

  it("must be allowed to get the namespace's snapshots, and hears nothing else before", async () => {
    const refused = /^PERMISSION_DENIED .*system:serviceaccount:.*:nobody may not get volumesnapshots in namespace /;
    expect(await failure(asked(await tokenOf("nobody")))).toMatch(refused);
    expect(await failure(asked(await tokenOf("nobody"), { snapshotName: "absent" }))).toMatch(refused);
    const elsewhere = asked(await tokenOf("backup"), { namespace: "default" });
    expect(await failure(elsewhere)).toMatch(/^PERMISSION_DENIED /);
  });

  it("hears what is wrong with a snapshot", async () => {
    const { client } = lab;
    const token = await tokenOf("backup");
    const about = (snapshotName: string) => failure(asked(token, { snapshotName }));
    expect(await about("")).toMatch(/^INVALID_ARGUMENT .*snapshot_name is missing/);
    expect(await about("absent")).toMatch(/^NOT_FOUND .*there is no VolumeSnapshot .*\/absent/);
    const metadata = (name: string) => ({ namespace: namespace, name });
    await client.create(VolumeSnapshot, {
      metadata: metadata("waiting"),
      spec: { source: { persistentVolumeClaimName: "absent" }, volumeSnapshotClassName: "plain" },
    });
    expect(await about("waiting")).toMatch(/^UNAVAILABLE .*not ready to use/);
    const content = `other-${namespace}`;
    await client.create(VolumeSnapshotContent, {
      metadata: { name: content },
      spec: {
        driver: "other.example",
        deletionPolicy: "Retain",
        source: { snapshotHandle: "theirs" },
        volumeSnapshotRef: metadata("foreign"),
      },
    });
    const theirs = { status: { readyToUse: true, snapshotHandle: "theirs" } };
    await client.patch(VolumeSnapshotContent, { name: content }, theirs, { type: "merge", subresource: "status" });
    await client.create(VolumeSnapshot, {
      metadata: metadata("foreign"),
      spec: { source: { volumeSnapshotContentName: content } },
    });
    await eventually(async () => /^INVALID_ARGUMENT .*is of the driver other.example/.test(await about("foreign")), {
      describe: "the refusal of another driver's snapshot",
    });
    expect(await failure({ ...asked(token), startingOffset: -1n })).toMatch(/^OUT_OF_RANGE .*starting_offset/);
  });
});

describe("a snapshot without a class", () => {
  const makeDefault = async (...names: readonly string[]) => {
    for (const name of ["plain", "secret"]) {
      const value = names.includes(name) ? "true" : null;
      const annotations = { "snapshot.storage.kubernetes.io/is-default-class": value };
      await lab.client.patch(VolumeSnapshotClass, { name }, { metadata: { annotations } }, { type: "merge" });
    }
  };

  it("is asked about with the secret of the driver's default class, and without one where there is none", async () => {
    const content = `given-${namespace}`;
    const ref = { namespace: namespace, name: "given" };
    await lab.client.create(VolumeSnapshotContent, {
      metadata: { name: content },
      spec: {
        driver: lab.driver.name,
        deletionPolicy: "Retain",
        source: { snapshotHandle: backup.baseHandle },
        volumeSnapshotRef: ref,
      },
    });
    await lab.client.create(VolumeSnapshot, {
      metadata: ref,
      spec: { source: { volumeSnapshotContentName: content } },
    });
    await using client = metadataOf("in process").connect(ca);
    const securityToken = await tokenOf("backup");
    const ask = () =>
      rangesOf(client.calls.getMetadataAllocated({ securityToken, namespace: namespace, snapshotName: "given" }));
    expect(await eventually(ask, { describe: "the snapshot to be ready" })).toEqual(written);
    expect(driverSeen.secrets).toEqual({});
    try {
      await makeDefault("secret");
      const missing = { code: "KX_GRPC_UNAVAILABLE", message: expect.stringMatching(/secret .*\/for-given/) };
      await expect(ask()).rejects.toMatchObject(missing);
      await makeDefault("plain", "secret");
      const many = { code: "KX_GRPC_UNAVAILABLE", message: expect.stringContaining("several default ones") };
      await expect(ask()).rejects.toMatchObject(many);
    } finally {
      await makeDefault();
    }
  });
});

describe("the driver", () => {
  it("gets the secret of the snapshot's class, of which neither callers nor logs learn", async () => {
    const password = `planted-${namespace}`;
    await lab.client.create(Secret, {
      metadata: { namespace: namespace, name: "for-secretive" },
      data: { password: Buffer.from(password).toString("base64") },
    });
    await takeSnapshot(lab, { namespace: namespace, name: "secretive" }, "data", "secret");
    const securityToken = await tokenOf("backup");
    for (const way of ways) {
      const service = metadataOf(way);
      await using client = service.connect(ca);
      const ask = () =>
        rangesOf(client.calls.getMetadataAllocated({ securityToken, namespace: namespace, snapshotName: "secretive" }));
      behaviour = "work";
      await ask();
      expect(driverSeen.secrets).toEqual({ password });
      behaviour = "fail";
      await expect(ask()).rejects.toMatchObject({
        code: "KX_GRPC_ABORTED",
        message: expect.stringMatching(/the driver: .*not with \[redacted\]/),
      });
      const logged = inspect([...service.log.lines, ...lab.log.lines], { depth: 20, maxArrayLength: null });
      expect(logged).toContain("call failed");
      expect(logged).not.toContain(securityToken);
      expect(logged).not.toContain(password);
    }
  });
});

describe.each(ways)("a stream, with its driver %s", (way) => {
  const endless = async () => ({
    securityToken: await tokenOf("backup"),
    namespace: namespace,
    snapshotName: "base",
  });
  const until = (streams: number) =>
    eventually(async () => driverSeen.streams === streams || undefined, {
      describe: `${streams} streams of the driver, not ${driverSeen.streams}`,
    });

  it("ends at the driver when its caller leaves, and when he is lost", async () => {
    behaviour = "endless";
    const request = await endless();
    {
      await using client = metadataOf(way).connect(ca);
      for await (const { blockMetadata } of client.calls.getMetadataAllocated(request)) {
        expect(blockMetadata).toHaveLength(500);
        expect(driverSeen.streams).toBe(1);
        break;
      }
      await until(0);
      const aborted = new AbortController();
      const reading = client.calls.getMetadataAllocated(request, { signal: aborted.signal })[Symbol.asyncIterator]();
      await reading.next();
      aborted.abort();
      await until(0);
    }
    const client = metadataOf(way).connect(ca);
    const reading = client.calls.getMetadataAllocated(request)[Symbol.asyncIterator]();
    await reading.next();
    client.close();
    await until(0);
  });

  it("waits for a reader that is slow, and ends when it has taken too long", async () => {
    behaviour = "endless";
    const { certFile, keyFile } = backup.authority;
    const options = { certFile, keyFile, audience, maxStreamMs: 1000 };
    await using bounded = await serveMetadataOf(lab, way, "bounded", options);
    await using client = bounded.connect(ca);
    const before = driverSeen.messages;
    const reading = client.calls.getMetadataAllocated(await endless())[Symbol.asyncIterator]();
    await reading.next();
    await until(1);
    await until(0);
    // In a second it could make ten thousands, of 7 kB each.
    expect(driverSeen.messages - before).toBeLessThan(500);
    const rest = (async () => {
      for (;;) if ((await reading.next()).done === true) return "done";
    })();
    await expect(rest).rejects.toMatchObject({ code: expect.stringMatching(/DEADLINE_EXCEEDED|CANCELLED/) });
  });

  it("is told when the service stops, so that its caller does not take what it has for all", async () => {
    behaviour = "endless";
    const { certFile, keyFile } = backup.authority;
    const stopping = await serveMetadataOf(lab, way, "stopping", { certFile, keyFile, audience });
    await using client = stopping.connect(ca);
    const reading = client.calls.getMetadataAllocated(await endless())[Symbol.asyncIterator]();
    await reading.next();
    const rest = (async () => {
      for (;;) if ((await reading.next()).done === true) return "done";
    })();
    const ended = expect(rest).rejects.toMatchObject({ code: "KX_GRPC_UNAVAILABLE" });
    await stopping[Symbol.asyncDispose]();
    await ended;
    await until(0);
    await using late = stopping.connect(ca);
    await expect(rangesOf(late.calls.getMetadataAllocated(await endless()))).rejects.toMatchObject({
      code: "KX_GRPC_UNAVAILABLE",
    });
  });
});

describe("a backup program", () => {
  it("finds the service by what the cluster is told, and reads what has changed", async () => {
    const blocks = snapshotBlocks(lab.client, { driver: lab.driver.name, token: tokenOf.bind(undefined, "backup") });
    const ref = (name: string) => ({ namespace: namespace, name });
    const found: (readonly [number, number])[] = [];
    for await (const { ranges, volumeCapacityBytes } of blocks.changed(ref("base"), ref("target"), { maxResults: 1 })) {
      expect(volumeCapacityBytes).toBe(BigInt(8 * mebibyte));
      for (const { byteOffset, sizeBytes } of ranges) found.push([Number(byteOffset), Number(sizeBytes)]);
    }
    expect(found).toEqual(changed);
    const again = blocks.changed({ handle: backup.baseHandle }, ref("target"), {
      startingOffset: BigInt(2 * mebibyte),
    });
    for await (const { ranges } of again)
      expect(ranges).toEqual([{ byteOffset: BigInt(changed[1]?.[0] ?? 0), sizeBytes: 4096n }]);
    await expect(blocks.allocated(ref("absent")).next()).rejects.toMatchObject({ code: "KX_GRPC_NOT_FOUND" });
  });
});
