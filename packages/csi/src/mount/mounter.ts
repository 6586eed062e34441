import { realpath } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { KxError } from "@kx/core";
import {
  type BoundedCalls,
  createBoundedCalls,
  type FileSystemStat,
  type HungCall,
  type MountInfo,
  type PathStat,
  readMountInfo,
} from "@kx/core/linux";
import { isSamePlace, mountAtPath, type Place, placeOf } from "./mount-table.ts";

/** How `createMounter` works. */
export interface MounterOptions {
  /**
   * The kubelet's folder. Targets have to be below it, and no part of them there may be a link, whatever pods rename
   * meanwhile. Default: targets may be anywhere, and links are followed.
   */
  readonly kubeletDir?: string;
  /** How long a call of the kernel may take, in milliseconds. Default: 30 s. */
  readonly deadlineMs?: number;
}

/** Where something is mounted for a volume. */
export interface TargetRequest {
  readonly volumeId: string;
  /** Absolute. Its parent exists. */
  readonly target: string;
}

/** What to bind where. */
export interface BindRequest extends TargetRequest {
  /** A folder, or a block device or file. */
  readonly source: string;
  /** What the source is, and the target becomes. */
  readonly kind: "folder" | "file";
  /** Default: false. */
  readonly readOnly?: boolean;
  /** Such as `noexec`. Default: none. */
  readonly options?: readonly string[];
}

/** Which device to mount where. */
export interface MountDeviceRequest extends TargetRequest {
  readonly device: string;
  readonly fsType: string;
  /** Default: false. */
  readonly readOnly?: boolean;
  /** As mount(8) knows them. Default: none. */
  readonly options?: readonly string[];
}

/**
 * Mounts for the node service of a driver. Each call that a volume's file system could block is made in another process and
 * has a deadline; while one hangs, others for that volume fail at once. All are idempotent.
 *
 * Calls reject with `KX_LINUX_CALL_HUNG`, `KX_LINUX_SYSCALL`, `KX_LINUX_BENEATH` or `KX_CSI_MOUNT_TARGET`.
 */
export interface Mounter extends AsyncDisposable {
  /** Binds; the target is made if it is missing. What is mounted there already must be the same. */
  bind(request: BindRequest): Promise<void>;
  /** Mounts a device's file system on a folder, which is made if it is missing. */
  mountDevice(request: MountDeviceRequest): Promise<void>;
  /** Unmounts all that is mounted at a target, be it nothing; a half-made target is no error. */
  unmount(request: TargetRequest): Promise<void>;
  /** The same, and removes the target, which is an empty folder or file or is gone already. */
  unmountAndRemove(request: TargetRequest): Promise<void>;
  /** What is mounted at a path. Asks no file system. */
  mountAt(path: string): Promise<MountInfo | undefined>;
  /** The paths at which a folder or file is bound, or a part of it. Asks no file system. */
  boundAt(source: string): Promise<readonly string[]>;
  /** Whether what is mounted at a path does not work any more, as its server has gone. */
  isStale(request: TargetRequest): Promise<boolean>;
  stat(volumeId: string, path: string): Promise<PathStat>;
  statfs(volumeId: string, path: string): Promise<FileSystemStat>;
  /** At most `maxBytes` of a file or device. */
  read(volumeId: string, path: string, maxBytes: number, offset?: number): Promise<Uint8Array>;
  /** Calls that were given up and that the kernel has not let go yet. */
  readonly hung: readonly HungCall[];
}

// What file systems answer whose server has gone: NFS, FUSE, a device that was pulled.
const staleErrors = ["ESTALE", "ENOTCONN", "EIO", "ESHUTDOWN", "EHOSTDOWN", "ENODEV"];

interface Located {
  readonly path: string;
  readonly beneath?: string;
}

/** Makes a mounter; it starts processes when they are needed. */
export function createMounter({ kubeletDir, deadlineMs = 30_000 }: MounterOptions = {}): Mounter {
  const calls = createBoundedCalls({ deadlineMs });
  const pathsOf = new Map<string, Set<string>>();
  let root: Promise<string> | undefined;

  const locate = async (target: string): Promise<Located> => {
    if (kubeletDir === undefined) return { path: join(await realpath(dirname(target)), basename(target)) };
    root ??= realpath(kubeletDir);
    const beneath = await root;
    const below = [kubeletDir, beneath].find((folder) => target.startsWith(`${folder}/`));
    if (below === undefined) throw targetError(target, `it is not in the kubelet's folder ${kubeletDir}`);
    return { path: join(beneath, target.slice(below.length)), beneath };
  };
  /** Makes a call unless another for the volume hangs, which may be at another path of the same file system. */
  const run = async <T>(volumeId: string, path: string, make: (made: BoundedCalls) => Promise<T>): Promise<T> => {
    refuseHung(calls.hung, pathsOf.get(volumeId), volumeId);
    const paths = pathsOf.get(volumeId) ?? new Set();
    pathsOf.set(volumeId, paths.add(path));
    try {
      return await make(calls);
    } finally {
      if (!calls.hung.some((hung) => hung.path === path)) paths.delete(path);
      if (paths.size === 0) pathsOf.delete(volumeId);
    }
  };
  const place = async (request: TargetRequest, located: Located, wanted: WantedMount): Promise<void> => {
    const { volumeId } = request;
    const mounts = await readMountInfo();
    const present = mountAtPath(mounts, located.path);
    if (present !== undefined) {
      if (isWanted(present, wanted)) return;
      throw targetError(request.target, `${present.source} (${present.fsType}) is mounted there already`);
    }
    const { source, options, type, create } = wanted;
    const mount = { source, target: located.path, options, ...(type === undefined ? {} : { type }) };
    await run(volumeId, located.path, (made) => made.mount(mount, { create, ...beneathOf(located) }));
  };
  const unmount = async ({ volumeId, target }: TargetRequest, isRemoved: boolean): Promise<void> => {
    const located = await locate(target).catch(ignoreMissing);
    if (located === undefined) return;
    const { path } = located;
    const end = (remove: boolean) =>
      run(volumeId, path, (made) => made.unmount(path, { remove, ...beneathOf(located) }));
    if (isRemoved) return end(true);
    while (mountAtPath(await readMountInfo(), path) !== undefined) await end(false);
  };

  const mounter: Mounter = {
    async bind({ source, kind, readOnly = false, options = [], ...request }) {
      const located = await locate(request.target);
      const from = await realpath(source);
      const present = placeOf(await readMountInfo(), from);
      const all = ["bind", ...options, ...(readOnly ? ["ro"] : [])];
      const wanted: WantedMount = { source: from, options: all, readOnly, create: kind };
      // A file that is bound is found by its place; so is a device, whose place is that of its node in /dev.
      await place(request, located, present === undefined ? wanted : { ...wanted, place: present });
    },
    async mountDevice({ device, fsType, readOnly = false, options = [], ...request }) {
      const located = await locate(request.target);
      const all = [...options, ...(readOnly ? ["ro"] : [])];
      await place(request, located, { source: device, type: fsType, options: all, readOnly, create: "folder" });
    },
    unmount: (request) => unmount(request, false),
    unmountAndRemove: (request) => unmount(request, true),
    async mountAt(path) {
      const located = await locate(path).catch(ignoreMissing);
      return located === undefined ? undefined : mountAtPath(await readMountInfo(), located.path);
    },
    async boundAt(source) {
      const mounts = await readMountInfo();
      const own = placeOf(mounts, await realpath(source));
      if (own === undefined) return [];
      return mounts.filter((mount) => isPartOf(mount, own)).map(({ mountPoint }) => mountPoint);
    },
    async isStale({ volumeId, target }) {
      try {
        await mounter.statfs(volumeId, target);
        return false;
      } catch (error) {
        if (KxError.is(error) && staleErrors.includes(String(error.details["errno"]))) return true;
        throw error;
      }
    },
    stat: (volumeId, path) => run(volumeId, path, (made) => made.stat(path)),
    statfs: (volumeId, path) => run(volumeId, path, (made) => made.statfs(path)),
    read: (volumeId, path, maxBytes, offset = 0) =>
      run(volumeId, path, (made) => made.read(path, maxBytes, { offset })),
    get hung() {
      return calls.hung;
    },
    [Symbol.asyncDispose]: () => calls[Symbol.asyncDispose](),
  };
  return mounter;
}

interface WantedMount {
  readonly source: string;
  readonly place?: Place;
  readonly type?: string;
  readonly options: readonly string[];
  readonly readOnly: boolean;
  readonly create: "folder" | "file";
}

function isWanted(present: MountInfo, { source, place, type, readOnly }: WantedMount): boolean {
  if (present.options.includes("ro") !== readOnly) return false;
  if (place !== undefined) return isSamePlace(present, place);
  return present.source === source && present.fsType === type;
}

function isPartOf(mount: MountInfo, place: Place): boolean {
  const isSameFileSystem = mount.major === place.major && mount.minor === place.minor;
  return isSameFileSystem && (mount.root === place.root || mount.root.startsWith(`${place.root}/`));
}

function beneathOf({ beneath }: Located): { readonly beneath?: string } {
  return beneath === undefined ? {} : { beneath };
}

function ignoreMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
}

function refuseHung(hung: readonly HungCall[], paths: ReadonlySet<string> | undefined, volumeId: string): void {
  const same = hung.find(({ path }) => paths?.has(path));
  if (same === undefined) return;
  const reason = `nothing is done with volume ${volumeId}: ${same.call} ${same.path} hangs (pid ${same.pid ?? "unknown"})`;
  const remedy = "see whether the volume's server answers";
  throw new KxError("KX_LINUX_CALL_HUNG", reason, { remedy, retryable: true, details: { ...same } });
}

function targetError(target: string, why: string): KxError {
  return new KxError("KX_CSI_MOUNT_TARGET", `${target} cannot be mounted on: ${why}`, { details: { target } });
}
