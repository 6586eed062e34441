import { realpath } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { kubeletVolumes } from "./kubelet-volumes.ts";
import type { JsonRecord, JsonValue, StoredObject, VolumeState } from "./volume-state.ts";

/** One path at which a volume is published on this node. */
export interface Publication {
  readonly volumeId: string;
  readonly target: string;
  readonly isReadonly: boolean;
  /** As it was asked for; absent where only the kernel's list of mounts tells of it. */
  readonly capability?: JsonValue;
  /** The mount at the target, as the kernel names it; absent where the driver mounts nothing. */
  readonly mountPoint?: string;
}

/** A mount, as far as this table looks at it. */
export interface Mount {
  readonly mountPoint: string;
  readonly options: readonly string[];
}

/** What a table is made with. */
export interface PublishTableOptions {
  readonly driverName: string;
  readonly state: VolumeState | undefined;
  /** The kernel's list, read anew at each call. */
  readonly readMounts: () => Promise<readonly Mount[]>;
}

/** Where volumes are published on this node. The kernel's list of mounts is the truth: what is gone from it is forgotten. */
export interface PublishTable {
  /** Finds again what was published before this process began. */
  rebuild(): Promise<void>;
  at(target: string): Promise<Publication | undefined>;
  of(volumeId: string): Promise<readonly Publication[]>;
  add(publication: Omit<Publication, "mountPoint">): Promise<void>;
  remove(target: string): Promise<void>;
}

const pageSize = 500;

/** Makes an empty table. */
export function createPublishTable({ driverName, state, readMounts }: PublishTableOptions): PublishTable {
  const known = new Map<string, Publication>();

  const remove = async (target: string): Promise<void> => {
    if (known.delete(target)) await state?.delete("publication", target);
  };

  /** Those of them that are still there. */
  const present = async (publications: readonly Publication[]): Promise<readonly Publication[]> => {
    if (publications.length === 0) return [];
    const mounted = new Set((await readMounts()).map(({ mountPoint }) => mountPoint));
    const isThere = ({ mountPoint }: Publication): boolean => mountPoint === undefined || mounted.has(mountPoint);
    for (const one of publications) if (!isThere(one)) await remove(one.target);
    return publications.filter(isThere);
  };

  return {
    async rebuild() {
      for await (const stored of allPublications(state)) known.set(stored.id, publicationOf(stored));
      await present([...known.values()]);
      const found = await kubeletVolumes(driverName, await readMounts());
      const mountPoints = new Set([...known.values()].map(({ mountPoint }) => mountPoint));
      for (const one of found) if (!mountPoints.has(one.mountPoint)) known.set(one.target, one);
    },
    async at(target) {
      const one = known.get(target);
      return one === undefined ? undefined : (await present([one]))[0];
    },
    of: (volumeId) => present([...known.values()].filter((one) => one.volumeId === volumeId)),
    async add(publication) {
      const path = await resolved(publication.target);
      const isMounted = (await readMounts()).some(({ mountPoint }) => mountPoint === path);
      const whole: Publication = isMounted ? { ...publication, mountPoint: path } : publication;
      await state?.put(storedOf(whole));
      known.set(whole.target, whole);
    },
    remove,
  };
}

/** As the kernel will name it. The target itself is not followed, since looking at it may hang with its volume. */
async function resolved(target: string): Promise<string> {
  const folder = await realpath(dirname(target)).catch(() => dirname(target));
  return join(folder, basename(target));
}

async function* allPublications(state: VolumeState | undefined): AsyncGenerator<StoredObject> {
  let after: string | undefined;
  for (;;) {
    const page = (await state?.list("publication", after, pageSize)) ?? [];
    yield* page;
    if (page.length < pageSize) return;
    after = page.at(-1)?.id;
  }
}

function storedOf({ volumeId, target, isReadonly, capability, mountPoint }: Publication): StoredObject {
  const request: JsonRecord = {
    isReadonly,
    ...(capability === undefined ? {} : { capability }),
    ...(mountPoint === undefined ? {} : { mountPoint }),
  };
  return { kind: "publication", id: target, name: volumeId, request };
}

function publicationOf({ id, name, request = {} }: StoredObject): Publication {
  const { isReadonly, capability, mountPoint } = request;
  return {
    volumeId: name,
    target: id,
    isReadonly: isReadonly === true,
    ...(capability === undefined ? {} : { capability }),
    ...(typeof mountPoint === "string" ? { mountPoint } : {}),
  };
}
