import { AccessMode, type Snapshot, type Volume } from "@kx/core/contracts/csi";
import { type CreateVolumeInit, createCo, type TestCo, type UseOptions, type VolumeUse } from "../co.ts";
import type { DriverCalls, TestedDriver } from "../driver-under-test.ts";
import type { Capability } from "../read-capabilities.ts";
import { fail, succeeded } from "./failure.ts";
import type { Lab } from "./lab.ts";

/** What a case works with. What it makes is taken away after it, last first. */
export interface Scope {
  readonly lab: Lab;
  readonly driver: TestedDriver;
  readonly calls: DriverCalls;
  readonly co: TestCo;
  /** Secrets that calls need. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly has: (capability: Capability) => boolean;
  /** A name that nothing has. */
  readonly name: () => string;
  /** The use of volumes that the kit was told. */
  readonly capability: (mode?: AccessMode) => UseOptions["capability"];
  /** A request for a volume under a name of its own. */
  readonly volumeRequest: (more?: CreateVolumeInit) => CreateVolumeInit & { readonly name: string };
  readonly volume: (more?: CreateVolumeInit) => Promise<Volume>;
  readonly snapshot: (sourceVolumeId: string, name?: string) => Promise<Snapshot>;
  readonly use: (volume: Volume, more?: Partial<UseOptions>) => Promise<VolumeUse>;
  /** Done after the case, before what was made earlier is taken away. */
  readonly after: (undo: () => Promise<unknown>) => void;
  /** Also after the case: deletes volumes and snapshots that it knows by their ids alone. */
  readonly forgetLater: (kind: "volume" | "snapshot", id: string) => void;
  readonly dispose: () => Promise<void>;
}

/** Makes what one case works with. */
export function createScope(lab: Lab): Scope {
  const { driver, options, settings } = lab;
  const { calls, capabilities } = driver;
  const { secrets, accessType, volumeBytes } = settings;
  const undo: (() => Promise<unknown>)[] = [];
  const capability = (mode = AccessMode.SINGLE_NODE_WRITER): UseOptions["capability"] =>
    ({
      accessType: accessType === "block" ? { case: "block", value: {} } : { case: "mount", value: { fsType: "" } },
      accessMode: { mode },
    }) as UseOptions["capability"];
  const co = createCo(driver, lab.folder);

  const scope: Scope = {
    lab,
    driver,
    calls,
    co,
    secrets,
    capability,
    has: (one) => capabilities.has(one),
    name: lab.name,
    volumeRequest: (more = {}) => ({
      name: lab.name(),
      capacityRange: { requiredBytes: volumeBytes, limitBytes: 0n },
      volumeCapabilities: [capability()],
      secrets,
      parameters: { ...options.parameters },
      ...more,
    }),
    async volume(more) {
      const { volume } = await succeeded(calls.controller.createVolume(scope.volumeRequest(more)), "CreateVolume");
      const { volumeId = "" } = volume ?? {};
      if (volume === undefined || volumeId === "") return fail("CreateVolume answered without a volume_id");
      scope.forgetLater("volume", volumeId);
      return volume;
    },
    async snapshot(sourceVolumeId, name = lab.name()) {
      const request = { name, sourceVolumeId, secrets, parameters: { ...options.snapshotParameters } };
      const { snapshot } = await succeeded(calls.controller.createSnapshot(request), "CreateSnapshot");
      const { snapshotId = "" } = snapshot ?? {};
      if (snapshot === undefined || snapshotId === "") return fail("CreateSnapshot answered without a snapshot_id");
      scope.forgetLater("snapshot", snapshotId);
      return snapshot;
    },
    async use(volume, more = {}) {
      const used = co.use(volume, { capability: capability(), secrets, ...more });
      const use = await succeeded(used, "bringing a volume to a workload");
      undo.push(() => use.end());
      return use;
    },
    after: (one) => void undo.push(one),
    forgetLater(kind, id) {
      undo.push(() =>
        kind === "volume"
          ? calls.controller.deleteVolume({ volumeId: id, secrets })
          : calls.controller.deleteSnapshot({ snapshotId: id, secrets }),
      );
    },
    async dispose() {
      // A driver that cannot take something away fails the cases that are about that.
      for (const one of undo.toReversed()) await one().catch(() => {});
    },
  };
  return scope;
}
