import { grpcError } from "@kx/core/grpc";
import type { Breakage } from "./broken-driver.ts";

type Fields = Record<string, unknown>;

/** What a driver answers that takes everything. */
const lax = async () => ({});
let made = 0;
const fresh = (what: string) => `twin-${what}-${++made}`;
const volumeOf = (request: Fields, more: Fields = {}) => ({
  volume: {
    volumeId: fresh("volume"),
    capacityBytes: (request["capacityRange"] as { requiredBytes?: bigint } | undefined)?.requiredBytes ?? 0n,
    ...more,
  },
});
const asOk = (answer: Fields) => async (request: Fields, next: (request: Fields) => Promise<Fields>) =>
  await next(request).catch(() => answer);
const notFound = () => Promise.reject(grpcError("NOT_FOUND", "it is gone"));
const unknownAsError = async (request: Fields, next: (request: Fields) => Promise<Fields>) => {
  if (Object.values(request).includes("kx-never-was")) return await notFound();
  return await next(request);
};
const anyVolume = {
  createVolume: async (r: Fields, next: (request: Fields) => Promise<Fields>) => await next(r).catch(() => volumeOf(r)),
};
/** Each call under a name of its own, so that it makes something new. */
const renamed = async (request: Fields, next: (request: Fields) => Promise<Fields>) =>
  await next({ ...request, name: fresh("name") });
const withField =
  (path: string, change: (value: Fields, request: Fields) => Fields) =>
  async (request: Fields, next: (request: Fields) => Promise<Fields>) => {
    const answer = await next(request);
    return { ...answer, [path]: change(answer[path] as Fields, request) };
  };
const noToken = (call: string): Breakage => ({
  [call]: async (request, next) => ({ ...(await next(request)), nextToken: "" }),
});

function publishedOnce(): Breakage {
  const seen = new Set<unknown>();
  return {
    nodePublishVolume: async (r, next) => {
      if (seen.has(r["targetPath"])) throw grpcError("ALREADY_EXISTS", "it is published");
      seen.add(r["targetPath"]);
      return await next(r);
    },
  };
}

/** Sound until it was restarted: its callers ask for its capabilities at first, and then again. */
function forgetful(call: string, after: Breakage[string]): Breakage {
  let asked = 0;
  return {
    controllerGetCapabilities: async (r, next) => {
      asked++;
      return await next(r);
    },
    [call]: async (r, next, twin) => (asked > 1 ? await after(r, next, twin) : await next(r)),
  };
}

/** For each case of the kit a driver that does what the case is there to find, and is sound otherwise. `D3` is for all of D3. */
export const twins: Readonly<Record<string, Breakage>> = {
  "D1.info": { getPluginInfo: async (r, next) => ({ ...(await next(r)), vendorVersion: "" }) },
  "D1.capabilities": {
    getPluginCapabilities: async (r, next) => {
      const { capabilities } = (await next(r)) as { capabilities: Fields[] };
      return { capabilities: [...capabilities, ...capabilities.slice(0, 1)] };
    },
  },
  "D1.probe": { probe: () => ({ ready: false }) },
  "D2.told": { controllerModifyVolume: () => Promise.reject(grpcError("UNIMPLEMENTED", "not yet")) },
  "D2.not-told": {
    controllerGetCapabilities: async (r, next) => {
      const { capabilities } = (await next(r)) as { capabilities: { type: { value: { type: number } } }[] };
      return { capabilities: capabilities.filter(({ type }) => type.value.type !== 3) };
    },
  },
  "D2.together": {
    controllerGetCapabilities: async (r, next) => {
      const { capabilities } = (await next(r)) as { capabilities: { type: { value: { type: number } } }[] };
      return { capabilities: capabilities.filter(({ type }) => type.value.type !== 2) };
    },
  },
  "D3.message": { createVolume: () => Promise.reject(grpcError("INVALID_ARGUMENT", "")) },
  D3: new Proxy<Breakage>(
    {},
    {
      get: (_, name) => {
        const kept = ["getPluginInfo", "getPluginCapabilities", "probe", "nodeGetInfo"];
        if (kept.includes(String(name)) || String(name).endsWith("GetCapabilities")) return undefined;
        return async (r: Fields, next: (request: Fields) => Promise<Fields>) => await next(r).catch(lax);
      },
    },
  ),
  "D4.size": { createVolume: withField("volume", (volume) => ({ ...volume, capacityBytes: 1n })) },
  "D4.range": anyVolume,
  "D4.again": { createVolume: renamed },
  "D4.compatible": {
    createVolume: async (r, next) => {
      const answer = await next(r);
      const { requiredBytes } = r["capacityRange"] as { requiredBytes: bigint };
      if (requiredBytes > 1n) return answer;
      throw grpcError("ALREADY_EXISTS", "it has another size");
    },
  },
  "D4.other-size": anyVolume,
  "D4.apart": { createVolume: async (r, next) => await next({ ...r, name: "always-the-same" }) },
  "D4.delete-again": { deleteVolume: unknownAsError },
  "D4.delete": { deleteVolume: lax },
  "D4.validate": { validateVolumeCapabilities: () => ({ message: "no" }) },
  "D4.capacity": { getCapacity: () => ({ availableCapacity: -1n }) },
  "D4.get": { controllerGetVolume: asOk({ volume: { volumeId: "kx-never-was" } }) },
  "D5.restore": { createVolume: withField("volume", (volume) => ({ ...volume, contentSource: undefined })) },
  "D5.other-snapshot": anyVolume,
  "D5.no-snapshot": anyVolume,
  "D5.clone": {
    createVolume: async (r, next) => (r["volumeContentSource"] === undefined ? await next(r) : await renamed(r, next)),
  },
  "D5.no-volume": anyVolume,
  "D6.longest-name": {
    createVolume: async (r, next) => {
      if (String(r["name"]).length < 128) return await next(r);
      throw grpcError("INVALID_ARGUMENT", "the name is too long");
    },
  },
  "D6.long-name": anyVolume,
  "D6.control-characters": anyVolume,
  "D6.long-parameters": anyVolume,
  "D6.long-id": { deleteVolume: asOk({}) },
  "D7.same-volume": { createVolume: renamed },
  "D7.volumes": {
    createVolume: (() => {
      let running = 0;
      return async (r: Fields, next: (request: Fields) => Promise<Fields>) => {
        if (running > 0) throw grpcError("INTERNAL", "the database is locked");
        running++;
        return await next(r).finally(() => running--);
      };
    })(),
  },
  "D7.delete": {
    deleteVolume: (() => {
      let running = 0;
      return async (r: Fields, next: (request: Fields) => Promise<Fields>) => {
        if (running > 0) throw grpcError("INTERNAL", "it is gone meanwhile");
        running++;
        return await next(r).finally(() => running--);
      };
    })(),
  },
  "D7.same-snapshot": { createSnapshot: renamed },
  "D8.volumes": { listVolumes: () => ({ entries: [] }) },
  "D8.volume-pages": noToken("listVolumes"),
  "D8.stable": {
    // Tokens that are places in the list: what goes meanwhile moves all behind it.
    listVolumes: async (r, next) => {
      const { entries } = (await next({})) as { entries: Fields[] };
      const from = Number(r["startingToken"] || 0);
      const to = from + (Number(r["maxEntries"]) || entries.length);
      return { entries: entries.slice(from, to), nextToken: to < entries.length ? String(to) : "" };
    },
  },
  "D8.volume-token": { listVolumes: asOk({ entries: [] }) },
  "D8.snapshots": { listSnapshots: async (_, next) => await next({}) },
  "D8.snapshots-by-source": {
    listSnapshots: async (r, next) => {
      const { entries } = (await next(r)) as { entries: Fields[] };
      return { entries: entries.slice(0, 1) };
    },
  },
  "D8.snapshot-pages": noToken("listSnapshots"),
  "D9.create": { createSnapshot: withField("snapshot", (snapshot) => ({ ...snapshot, creationTime: undefined })) },
  "D9.again": { createSnapshot: renamed },
  "D9.other-source": {
    createSnapshot: async (r, next) => await next(r).catch(() => ({ snapshot: { snapshotId: fresh("snapshot") } })),
  },
  "D9.no-source": { createSnapshot: async (r, next) => await next(r).catch(() => ({ snapshot: { snapshotId: "x" } })) },
  "D9.delete-again": { deleteSnapshot: unknownAsError },
  "D9.get": { getSnapshot: asOk({ snapshot: { snapshotId: "kx-never-was" } }) },
  "D10.create": {
    createVolumeGroupSnapshot: withField("groupSnapshot", (group) => ({
      ...group,
      snapshots: (group["snapshots"] as Fields[]).slice(0, 1),
    })),
  },
  "D10.again": { createVolumeGroupSnapshot: renamed },
  "D10.other-sources": { createVolumeGroupSnapshot: asOk({ groupSnapshot: { groupSnapshotId: "x" } }) },
  "D10.get": { getVolumeGroupSnapshot: asOk({ groupSnapshot: { groupSnapshotId: "kx-never-was" } }) },
  "D10.delete-again": { deleteVolumeGroupSnapshot: unknownAsError },
  "D11.expand": { controllerExpandVolume: async (r, next) => ({ ...(await next(r)), capacityBytes: 1n }) },
  "D11.smaller": {
    controllerExpandVolume: async (r, next) => {
      const { requiredBytes } = r["capacityRange"] as { requiredBytes: bigint };
      return { ...(await next(r)), capacityBytes: requiredBytes };
    },
  },
  "D11.no-volume": { controllerExpandVolume: asOk({}) },
  "D11.modify": { controllerModifyVolume: () => Promise.reject(grpcError("INVALID_ARGUMENT", "no")) },
  "D11.modify-unknown": { controllerModifyVolume: asOk({}) },
  "D11.modify-no-volume": { controllerModifyVolume: asOk({}) },
  "D12.again": {
    controllerPublishVolume: async (r, next) => ({ ...(await next(r)), publishContext: { slot: fresh("slot") } }),
  },
  "D12.other-readonly": { controllerPublishVolume: asOk({}) },
  "D12.no-volume": { controllerPublishVolume: asOk({}) },
  "D12.no-node": { controllerPublishVolume: asOk({}) },
  "D12.detach-again": (() => {
    const gone = new Set<unknown>();
    return {
      controllerUnpublishVolume: async (r: Fields, next: (request: Fields) => Promise<Fields>) => {
        if (gone.has(r["volumeId"])) return await notFound();
        gone.add(r["volumeId"]);
        return await next(r);
      },
    };
  })(),
  "D12.delete": { deleteVolume: asOk({}) },
  "D13.info": { nodeGetInfo: async (r, next) => ({ ...(await next(r)), maxVolumesPerNode: -1n }) },
  "D13.use": { nodePublishVolume: lax },
  "D13.again": publishedOnce(),
  "D13.other-readonly": { nodePublishVolume: asOk({}) },
  "D13.single-writer": { nodePublishVolume: asOk({}) },
  "D13.multi-writer": {
    nodePublishVolume: async (r, next) => {
      if (String(r["targetPath"]).endsWith("second")) throw grpcError("FAILED_PRECONDITION", "it is published");
      return await next(r);
    },
  },
  "D13.unstaged": { nodePublishVolume: asOk({}) },
  "D13.no-volume": { nodeStageVolume: asOk({}) },
  "D13.unpublish-again": (() => {
    const gone = new Set<unknown>();
    return {
      nodeUnpublishVolume: async (r: Fields, next: (request: Fields) => Promise<Fields>) => {
        if (gone.has(r["targetPath"])) return await notFound();
        gone.add(r["targetPath"]);
        return await next(r);
      },
    };
  })(),
  "D13.delete": { deleteVolume: asOk({}) },
  "D13.stats": { nodeGetVolumeStats: async (r, next) => ({ ...(await next(r)), usage: [] }) },
  "D14.log": {
    createVolume: async (r, next, twin) => {
      twin.log(`create ${JSON.stringify(r["secrets"])}`);
      return await next(r);
    },
  },
  "D14.message": {
    createVolume: async (r, next) =>
      await next(r).catch((error: Error) => {
        throw grpcError("INVALID_ARGUMENT", `${error.message}: ${JSON.stringify(r["secrets"])}`);
      }),
  },
  "D15.volume": { controllerGetVolumeHealth: asOk({}) },
  "D15.list-token": { controllerListVolumeHealth: asOk({}) },
  "D16.gave-up": { createVolume: renamed },
  "D16.remember": forgetful("createVolume", renamed),
  "D16.kill-create": forgetful("createVolume", renamed),
  "D16.kill-delete": forgetful("deleteVolume", lax),
  "D16.kill-snapshot": forgetful("createSnapshot", renamed),
  "D16.kill-published": publishedOnce(),
  "D16.full": {
    createVolume: async (r, next) =>
      await next(r).catch(() => {
        throw grpcError("INTERNAL", "no space left on device");
      }),
  },
};
