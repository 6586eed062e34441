import { type Client, keyOf, type ObjectLike, type Resource } from "@kx/controllers";
import { Secret } from "@kx/controllers/api/core-v1";
import { KxError } from "@kx/core";
import { describe, expect, it } from "vitest";
import { driver, type Held, held } from "../../test/support/snapshot-objects.ts";
import {
  VolumeSnapshot,
  VolumeSnapshotClass,
  VolumeSnapshotContent,
  type VolumeSnapshotContentStatus,
} from "../snapshot-controller/resources.ts";
import { findSnapshot } from "./find-snapshot.ts";

/** An API server that holds these objects; `failing` resources are answered with an error of the server. */
function clientOf(objects: readonly Held[], failing?: Resource): Pick<Client, "get" | "list"> {
  const all = <T extends ObjectLike>(resource: Resource<T>) => {
    if (resource === failing) throw new KxError("KX_API_UNAVAILABLE", "etcd is away");
    return objects.filter((one) => one.resource === resource).map(({ object }) => object as never);
  };
  return {
    async get(resource, ref) {
      const found = all(resource).find((object) => keyOf(object) === keyOf(ref));
      if (found === undefined) throw new KxError("KX_API_NOT_FOUND", `no ${keyOf(ref)}`);
      return found;
    },
    list: async (resource) => ({ items: all(resource), resourceVersion: "7" }),
  };
}

const ref = { namespace: "shop", name: "monday" };
const bound = { readyToUse: true, boundVolumeSnapshotContentName: "content" };

const snapshot = (status: object = bound, volumeSnapshotClassName?: string) =>
  held(VolumeSnapshot, "monday", {
    spec: {
      source: { persistentVolumeClaimName: "data" },
      ...(volumeSnapshotClassName === undefined ? {} : { volumeSnapshotClassName }),
    },
    status,
  });
const content = (
  change: object = {},
  status: VolumeSnapshotContentStatus = { readyToUse: true, snapshotHandle: "h" },
) =>
  held(VolumeSnapshotContent, "content", {
    spec: {
      driver,
      deletionPolicy: "Delete",
      source: { volumeHandle: "v" },
      volumeSnapshotRef: { ...ref, uid: "monday-uid", ...change },
    },
    status,
  });
const snapshotClass = (parameters: Record<string, string> = {}) =>
  held(VolumeSnapshotClass, "class", { driver, deletionPolicy: "Delete", parameters });
const secretParameters = {
  "csi.storage.k8s.io/snapshotter-secret-name": "of-${volumesnapshot.name}",
  "csi.storage.k8s.io/snapshotter-secret-namespace": "${volumesnapshot.namespace}",
};
const secret = held(Secret, "of-monday", { data: { user: Buffer.from("root").toString("base64") } });

const find = (
  objects: readonly Held[],
  { driverName = driver, failing }: { driverName?: string; failing?: Resource } = {},
) =>
  findSnapshot(ref, {
    client: clientOf(objects, failing) as Client,
    driverName,
    signal: new AbortController().signal,
  });
const refusal = async (...asked: Parameters<typeof find>) => {
  const error = await find(...asked).then(
    () => undefined,
    (reason: unknown) => KxError.from(reason),
  );
  return `${error?.code.replace("KX_GRPC_", "")}: ${error?.reason}`;
};

describe("a snapshot is found", () => {
  it("by its VolumeSnapshot and content, with the secret of its class", async () => {
    expect(await find([snapshot(), content()])).toEqual({ handle: "h", secrets: {} });
    const all = [snapshot(bound, "class"), content(), snapshotClass(secretParameters), secret];
    expect(await find(all)).toEqual({ handle: "h", secrets: { user: "root" } });
  });

  it("only where there is one", async () => {
    expect(await refusal([])).toBe("NOT_FOUND: there is no VolumeSnapshot shop/monday");
    expect(await refusal([snapshot()])).toBe("UNAVAILABLE: there is no VolumeSnapshotContent content");
    expect(await refusal([snapshot(), content()], { failing: VolumeSnapshot })).toMatch(/^UNAVAILABLE: .*etcd is away/);
  });

  it("only once it is ready, at both ends", async () => {
    for (const status of [{}, { readyToUse: true }, { ...bound, readyToUse: false }]) {
      expect(await refusal([snapshot(status), content()])).toMatch(/^UNAVAILABLE: .*it is not ready to use/);
    }
    for (const status of [{}, { readyToUse: true }, { snapshotHandle: "h" }]) {
      expect(await refusal([snapshot(), content({}, status)])).toMatch(/^UNAVAILABLE: .*content is not ready to use/);
    }
  });

  it("only if the content says the same: a status may be written by who may not read what it points at", async () => {
    for (const change of [{ name: "other" }, { namespace: "other" }, { uid: "other" }, { uid: undefined }]) {
      expect(await refusal([snapshot(), content(change)])).toMatch(/^UNAVAILABLE: .*content is not bound to it/);
    }
  });

  it("only by its own driver's service", async () => {
    const other = await refusal([snapshot(), content()], { driverName: "other.example" });
    expect(other).toBe("INVALID_ARGUMENT: VolumeSnapshot shop/monday is of the driver disk.example");
  });

  it("only with the secret that its class names", async () => {
    const named = [snapshot(bound, "class"), content()];
    expect(await refusal(named)).toBe("UNAVAILABLE: there is no VolumeSnapshotClass class");
    const lacking = await refusal([...named, snapshotClass(secretParameters)]);
    expect(lacking).toMatch(/^UNAVAILABLE: the secret .*shop\/of-monday/);
    const half = { "csi.storage.k8s.io/snapshotter-secret-name": "x" };
    expect(await refusal([...named, snapshotClass(half)])).toMatch(/^UNAVAILABLE: .*only one of the parameters/);
  });
});
