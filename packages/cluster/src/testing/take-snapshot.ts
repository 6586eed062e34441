import { readFileSync } from "node:fs";
import { KxError } from "@kx/core";
import { readCgroups } from "./cgroups.ts";
import type { Facts, HostSnapshot, LeakKind, SnapshotScope } from "./host-snapshot.ts";
import { readFolders, readLoopDevices, readSettings } from "./kernel.ts";
import { mountedNetworks, mountFacts, parseMountInfo } from "./mounts.ts";
import { readLinks, readNft, readRoutes } from "./network.ts";
import { ownNamespaces, processFacts, processNetworks, readProcesses, withoutTrees } from "./processes.ts";
import { readOwnSockets } from "./sockets.ts";

/**
 * Notes what this machine holds of everything that a cluster makes. It needs no privilege, but sees as root only what
 * other users' processes are in; what cannot be looked at (no `ip`, no `nft`) is told in `skipped`.
 * Of processes and cgroups only those that can be a cluster's are noted (see {@link SnapshotScope}; a cgroup by its
 * name or its place beneath this process's), so that the machine's other work does not count.
 */
export async function takeSnapshot(scope: SnapshotScope = {}): Promise<HostSnapshot> {
  const mounts = parseMountInfo(readFileSync("/proc/self/mountinfo", "utf8"));
  const processes = withoutTrees(readProcesses(), scope.ignoreTrees ?? []);
  const host = ownNamespaces();
  const readers: readonly (readonly [LeakKind, () => Facts | Promise<Facts>])[] = [
    ["process", () => processFacts(processes, host, scope)],
    ["mount", () => mountFacts(mounts)],
    ["network-namespace", () => new Map([...processNetworks(processes, host), ...mountedNetworks(mounts)])],
    ["link", readLinks],
    ["route", readRoutes],
    ["nft", readNft],
    ["cgroup", () => readCgroups(mounts)],
    ["loop-device", readLoopDevices],
    ["setting", readSettings],
    ["socket", readOwnSockets],
    ["file", () => readFolders(scope.folders ?? [])],
  ];
  const facts = new Map<LeakKind, Facts>();
  const skipped = new Map<LeakKind, string>();
  for (const [kind, read] of readers) {
    try {
      facts.set(kind, await read());
    } catch (error) {
      skipped.set(kind, KxError.from(error).reason);
    }
  }
  return { scope, facts, skipped };
}
