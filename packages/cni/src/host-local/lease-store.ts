import { join } from "node:path";
import { KxError } from "@kx/core";
import { formatIp, type Ip } from "@kx/core/units";
import { rangeHolds } from "./address-range.ts";
import type { Waiter } from "./folder-lock.ts";
import { createLeaseFolder, type LeaseFolder, type LockedLeases } from "./lease-folder.ts";
import { contentOf, type LeaseEntry, type LeaseOwner, leasesOf } from "./lease-index.ts";
import { createLeaseJournal, type LeaseJournal } from "./lease-journal.ts";
import { type Grant, type LeasePlan, planLeases } from "./plan-leases.ts";
import type { Pool } from "./pool.ts";

/** Not a name that a network may have; beside the networks' folders, as the Go plug-in reads every file below those. */
const ownFolder = ".kx";

/** An interface of a container. */
export type AttachmentName = Required<LeaseOwner>;

/** What an address is asked for. */
export interface LeaseRequest extends AttachmentName {
  readonly netns: string;
  /** Addresses that must not be given although they are free. */
  isBarred(ip: string): boolean;
  /** Is told which addresses had to be taken from attachments whose namespace is gone. */
  onReclaimed(ips: readonly string[]): void;
}

/** The addresses of one network that are in use. */
export interface LeaseStore {
  /**
   * Gives one address of each set, or none.
   *
   * @throws KxError `KX_CNI_POOL_EXHAUSTED`, `KX_CNI_ADDRESS_TAKEN`, `KX_CNI_LEASE_EXISTS`, `KX_CNI_CONFIG`, `KX_CNI_IO`.
   */
  allocate(pool: Pool, request: LeaseRequest, waiter: Waiter): Promise<readonly Grant[]>;
  /** Takes all leases of an interface back; those of an old plug-in, which names containers only, if it has no other. */
  release(attachment: AttachmentName, waiter: Waiter): Promise<void>;
  /** Takes just these leases back, as far as the interface still has them. */
  giveBack(attachment: AttachmentName, grants: readonly Grant[], waiter: Waiter): Promise<void>;
  /** The sets of which an interface has no address, by their index. */
  missing(pool: Pool, attachment: AttachmentName, waiter: Waiter): Promise<readonly number[]>;
  /**
   * Why an address could not be given now; undefined if it could. The folder is made, as it is by an ADD.
   *
   * @throws KxError `KX_CNI_IO` or `KX_CNI_LEASES_LOCKED`.
   */
  shortage(pool: Pool, waiter: Waiter): Promise<KxError | undefined>;
  /** Removes the leases of all but these attachments; without a list, of those whose namespace is gone. Gives their number. */
  collect(valid: readonly AttachmentName[] | undefined, waiter: Waiter): Promise<number>;
}

/** Opens the leases of a network, which need not be there. */
export function createLeaseStore(dataDir: string, network: string): LeaseStore {
  const folder = createLeaseFolder(join(dataDir, network));
  const journal = createLeaseJournal(join(dataDir, ownFolder, network, "namespaces"));
  return {
    allocate: (pool, request, waiter) => folder.use(waiter, (leases) => allocate(leases, journal, pool, request)),
    async release(attachment, waiter) {
      if (!folder.exists()) return;
      await folder.use(waiter, (leases) => {
        const { own, legacy } = leasesOf(leases.index, attachment);
        for (const { name } of own.length > 0 ? own : legacy) leases.remove(name);
      });
    },
    giveBack: (attachment, grants, waiter) =>
      folder.use(waiter, (leases) => {
        for (const { ip } of grants) {
          const name = formatIp(ip);
          if (leases.index.get(name)?.content === contentOf(attachment)) leases.remove(name);
        }
      }),
    async missing({ sets }, attachment, waiter) {
      const held = folder.exists() ? await folder.use(waiter, (leases) => ownAddresses(leases, attachment)) : [];
      return sets.flatMap((set, index) =>
        held.some((ip) => set.some((range) => rangeHolds(range, ip))) ? [] : [index],
      );
    },
    shortage: ({ sets }, waiter) =>
      folder.use(waiter, (leases) => {
        const view = { ...viewOf(leases), own: [] };
        const { failure } = planLeases({ sets, requested: [] }, view);
        const canReclaim = failure !== undefined && goneLeases(leases, journal).length > 0;
        return canReclaim ? undefined : failure;
      }),
    collect: (valid, waiter) => collect(folder, journal, valid, waiter),
  };
}

function allocate(leases: LockedLeases, journal: LeaseJournal, pool: Pool, request: LeaseRequest): readonly Grant[] {
  const plan = planOrReclaim(leases, journal, pool, request);
  const attachment = { containerId: request.containerId, ifName: request.ifName };
  const made: string[] = [];
  try {
    if (plan.failure === undefined) {
      for (const { ip } of plan.grants) {
        leases.write(ip, attachment);
        made.push(formatIp(ip));
      }
      journal.note(made, leases.markOf, request.netns);
    }
    // Also for what was not given in the end: the same search would fail again, and the Go plug-in does so.
    for (const { ip, set } of plan.grants) leases.reserve(set, ip);
    if (plan.failure === undefined) journal.compact(leases.index.size, () => namesOf(leases));
  } catch (error) {
    for (const name of made) leases.remove(name);
    throw error;
  }
  if (plan.failure !== undefined) throw plan.failure;
  return plan.grants;
}

/** A lease whose namespace is gone must not keep a container from its address. */
function planOrReclaim(leases: LockedLeases, journal: LeaseJournal, pool: Pool, request: LeaseRequest): LeasePlan {
  const plan = () => {
    const view = viewOf(leases);
    const isTaken = (ip: Ip) => view.isTaken(ip) || request.isBarred(formatIp(ip));
    return planLeases(pool, { ...view, isTaken, own: ownAddresses(leases, request) });
  };
  const first = plan();
  if (first.failure === undefined || first.failure.code === "KX_CNI_CONFIG") return first;
  const gone = goneLeases(leases, journal);
  if (gone.length === 0) return first;
  for (const { name } of gone) leases.remove(name);
  request.onReclaimed(gone.map(({ name }) => name));
  return plan();
}

function viewOf(leases: LockedLeases) {
  return {
    isTaken: (ip: Ip) => leases.index.isTaken(ip),
    lastReserved: (set: number) => leases.lastReserved(set),
  };
}

function ownAddresses(leases: LockedLeases, attachment: AttachmentName): readonly Ip[] {
  const { own, legacy } = leasesOf(leases.index, attachment);
  return [...own, ...legacy].flatMap(({ ip }) => ip ?? []);
}

function namesOf({ index }: LockedLeases): readonly string[] {
  return [...index.entries()].flatMap(({ ip, name }) => (ip === undefined ? [] : [name]));
}

function goneLeases(leases: LockedLeases, journal: LeaseJournal): readonly LeaseEntry[] {
  return journal.gone(namesOf(leases), leases.markOf).flatMap((name) => leases.index.get(name) ?? []);
}

async function collect(
  folder: LeaseFolder,
  journal: LeaseJournal,
  valid: readonly AttachmentName[] | undefined,
  waiter: Waiter,
): Promise<number> {
  if (!folder.exists()) return 0;
  return folder.use(waiter, (leases) => {
    const entries = [...leases.index.entries()].filter(({ ip }) => ip !== undefined);
    const torn = entries.filter(({ content }) => content === "");
    const stale = valid === undefined ? goneLeases(leases, journal) : unlisted(entries, valid);
    const failures: KxError[] = [];
    for (const { name } of new Set([...torn, ...stale])) {
      try {
        leases.remove(name);
      } catch (error) {
        failures.push(KxError.from(error));
      }
    }
    if (failures.length > 0) {
      throw new KxError("KX_CNI_IO", failures.map(({ reason }) => reason).join("; "), { cause: failures[0] });
    }
    journal.compact(leases.index.size, () => namesOf(leases));
    return new Set([...torn, ...stale]).size;
  });
}

function unlisted(entries: readonly LeaseEntry[], valid: readonly AttachmentName[]): readonly LeaseEntry[] {
  const listed = new Set(valid.flatMap((attachment) => [contentOf(attachment), attachment.containerId]));
  return entries.filter(({ content }) => !listed.has(content));
}
