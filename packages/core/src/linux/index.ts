export { listenAt, type SocketFile } from "../grpc/socket-file.ts";
export { linuxAddonPath } from "./addon.ts";
export {
  type BoundedCalls,
  type BoundedCallsOptions,
  type CallOptions,
  createBoundedCalls,
  type HungCall,
} from "./bounded-calls.ts";
export type { FileSystemStat, PathStat } from "./bounded-child.ts";
export { errnoName } from "./errno.ts";
export { tryLock, unlockFile } from "./flock.ts";
export { isLinuxAvailable, loadLinux } from "./libc.ts";
export { mountNow, type UnmountOptions, unmountNow } from "./mount.ts";
export { type MountCall, type MountRequest, planMount } from "./mount-plan.ts";
export { type MountInfo, parseMountInfo, readMountInfo } from "./mountinfo.ts";
export { dieWithParent, inNetns, unshareNet } from "./namespaces.ts";
export { createNetlinkWorker, type NetlinkChannel, type NetlinkWorker } from "./netlink.ts";
export { type NetlinkOptions, type NetlinkSocket, openNetlink } from "./netlink-socket.ts";
export { openBeneath } from "./open-beneath.ts";
export { type MountPlace, mountAt, type UnmountPlace, unmountAt } from "./placed-mount.ts";
export { serveWorkerCalls, startWorkerCalls, type WorkerCalls, type WorkerHandlers } from "./worker-calls.ts";
