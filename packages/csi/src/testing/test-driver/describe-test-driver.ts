import type { CSIDriverSpec } from "@kx/controllers/api/storage-v1";
import { AccessMode } from "@kx/core/contracts/csi";
import { statusOf } from "../../controllers/outcome.ts";
import { csiDriverObject } from "../../driver/driver-manifests.ts";
import type { UseOptions } from "../co.ts";
import { type DriverUnderTest, openDriver, type TestedDriver } from "../driver-under-test.ts";
import { planTestDriver, type TestDriverOptions, type VolumeUses } from "./plan-test-driver.ts";
import type { TestDriverFile } from "./test-driver-file.ts";

/** How a driver is described. */
export interface DescribeTestDriverOptions extends TestDriverOptions {
  /** What the cluster is told of a driver behind a socket, which does not tell it. Default: nothing; a typed driver has its own. */
  readonly csiDriver?: CSIDriverSpec;
  /**
   * Whether small volumes are made, and deleted again, to see how they can be used: as block devices, by several nodes. Default:
   * false; a typed driver tells it.
   */
  readonly probe?: boolean;
  /** Parameters of these volumes. Default: none. */
  readonly parameters?: Readonly<Record<string, string>>;
  /** Secrets for them. Default: none. */
  readonly secrets?: Readonly<Record<string, string>>;
}

/**
 * Asks a driver what it can do, and gives the file by which the storage suite of Kubernetes knows it.
 *
 * @throws KxError `KX_CSI_ENDPOINT`, `KX_CSI_TESTING`.
 */
export async function describeTestDriver(
  under: DriverUnderTest,
  options: DescribeTestDriverOptions = {},
): Promise<TestDriverFile> {
  await using opened = await openDriver(under);
  const { name, capabilities } = opened;
  const definition = under.driver?.definition;
  const spec = definition === undefined ? options.csiDriver : csiDriverObject(definition).spec;
  const uses = options.probe === true ? await probeUses(opened, options) : usesOf(under);
  const fsTypes = definition?.features?.fsTypes ?? [];
  const node = await nodeOf(opened);
  const facts = { name, capabilities, node, fsTypes };
  return planTestDriver(
    { ...facts, ...(spec === undefined ? {} : { spec }), ...(uses === undefined ? {} : { uses }) },
    options,
  );
}

function usesOf({ driver }: DriverUnderTest): VolumeUses | undefined {
  if (driver === undefined) return undefined;
  const { accessTypes = ["mount"], accessModes = [] } = driver.definition.features ?? {};
  return { block: accessTypes.includes("block"), modes: new Set(accessModes) };
}

async function nodeOf({ calls, capabilities }: TestedDriver) {
  if (!capabilities.has("node")) return { maxVolumes: 0n, topologyKeys: [] };
  const { maxVolumesPerNode, accessibleTopology } = await calls.node.nodeGetInfo({});
  return { maxVolumes: maxVolumesPerNode, topologyKeys: Object.keys(accessibleTopology?.segments ?? {}) };
}

const probedModes = [AccessMode.MULTI_NODE_MULTI_WRITER, AccessMode.MULTI_NODE_READER_ONLY] as const;

/** Makes a volume of each use, and sees whether it is refused. */
async function probeUses(driver: TestedDriver, options: DescribeTestDriverOptions): Promise<VolumeUses | undefined> {
  if (!driver.capabilities.has("controller CREATE_DELETE_VOLUME")) return undefined;
  const block = await canMake(driver, "block", AccessMode.SINGLE_NODE_WRITER, options);
  const modes: AccessMode[] = [];
  for (const mode of probedModes) if (await canMake(driver, "mount", mode, options)) modes.push(mode);
  return { block, modes: new Set(modes) };
}

async function canMake(
  { calls }: TestedDriver,
  use: "mount" | "block",
  mode: AccessMode,
  { parameters = {}, secrets = {} }: DescribeTestDriverOptions,
): Promise<boolean> {
  const capability = {
    accessType: use === "block" ? { case: "block", value: {} } : { case: "mount", value: { fsType: "" } },
    accessMode: { mode },
  } as UseOptions["capability"];
  try {
    const { volume } = await calls.controller.createVolume({
      name: `kx-testdriver-${process.pid}-${Date.now().toString(36)}-${use}-${mode}`,
      capacityRange: { requiredBytes: 1024n ** 2n },
      volumeCapabilities: [capability],
      parameters: { ...parameters },
      secrets: { ...secrets },
    });
    if (volume !== undefined)
      await calls.controller.deleteVolume({ volumeId: volume.volumeId, secrets: { ...secrets } });
    return true;
  } catch (error) {
    // Anything else than a refusal tells nothing.
    if (["INVALID_ARGUMENT", "UNIMPLEMENTED", "FAILED_PRECONDITION"].includes(statusOf(error) ?? "")) return false;
    throw error;
  }
}
