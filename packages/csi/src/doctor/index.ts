// Explains what is stuck in a cluster's storage: `kx csi doctor` as functions.
export type { ChainLink } from "./chain.ts";
export { type Explanation, explainStorage } from "./explain.ts";
export type { Finding, LastError } from "./finding.ts";
export { readStorageObjects } from "./read-storage-objects.ts";
export type { StorageObjects } from "./storage-objects.ts";
export { parseStorageRef, type StorageKind, type StorageRef, type StuckKind, showRef } from "./storage-ref.ts";
