import type { DeepReadonly } from "@kx/controllers";
import type { StorageClass } from "@kx/controllers/api/storage-v1";
import { KxError } from "@kx/core";
import { type Controller, ControllerCapability } from "@kx/core/contracts/csi";
import { asBlock, asMount, csiAccessMode } from "../access-modes.ts";
import { namesOf } from "../create-metadata.ts";
import type { Calls } from "../driver-client.ts";
import {
  claimTemplateValues,
  driverParameters,
  reservedPrefix,
  type SecretRef,
  secretParameters,
  secretRefOf,
} from "../secrets.ts";
import { modeOf, requestedBytes } from "./data-source.ts";
import type { Claim } from "./plan-claim.ts";
import type { TopologyRequirementPlan } from "./topology.ts";

type AnyCreateVolume = Parameters<Calls<typeof Controller>["createVolume"]>[0];

/** A CreateVolume request, as a plain object. */
export type CreateVolumeInit = Exclude<AnyCreateVolume, { readonly $typeName: string }>;

/** Where a volume's content comes from. */
export type VolumeSourceInit = NonNullable<CreateVolumeInit["volumeContentSource"]>;

/** One way to use a volume. */
export type VolumeCapabilityInit = NonNullable<CreateVolumeInit["volumeCapabilities"]>[number];

/** The uses of secrets that a StorageClass can name. */
const classSecretUses = [
  "provisioner",
  "controller-publish",
  "node-stage",
  "node-publish",
  "controller-expand",
  "node-expand",
  "controller-modify",
] as const;

type ClassSecretUse = (typeof classSecretUses)[number];

const fsTypeParameter = `${reservedPrefix}fstype`;
const knownParameters = new Set([
  fsTypeParameter,
  `${reservedPrefix}secret-name`,
  `${reservedPrefix}secret-namespace`,
  ...secretParameters(classSecretUses),
]);

/** What a volume is asked for with. */
export interface VolumeFacts {
  readonly name: string;
  readonly claim: Claim;
  readonly class: DeepReadonly<StorageClass>;
  readonly capabilities: ReadonlySet<ControllerCapability>;
  readonly defaultFsType: string | undefined;
  /** Tells the driver the names of claim and volume. */
  readonly tellsNames: boolean;
}

/** What is settled of a volume before the driver is asked. */
export interface VolumePlan {
  readonly name: string;
  readonly fsType: string | undefined;
  readonly secrets: Readonly<Partial<Record<ClassSecretUse, SecretRef>>>;
  /** Without secrets, source, topology and mutable parameters. */
  readonly request: CreateVolumeInit;
}

/** What is added to a request, as it is found. */
export interface VolumeExtras {
  readonly secrets: Record<string, string>;
  readonly source: VolumeSourceInit | undefined;
  readonly topology: TopologyRequirementPlan | undefined;
  readonly mutableParameters: Readonly<Record<string, string>>;
}

/**
 * Settles what can be told of a volume from its claim and class alone.
 *
 * @throws KxError `KX_CSI_CLAIM`, `KX_CSI_CLASS`, `KX_CSI_SECRET_TEMPLATE`.
 */
export function planVolume(facts: VolumeFacts): VolumePlan {
  const { name, claim, class: storageClass, tellsNames } = facts;
  if (claim.spec?.selector !== undefined)
    throw wrongClaim("its selector cannot be honoured for a volume yet to be made");
  const { parameters = {} } = storageClass;
  const values = claimTemplateValues(name, claim);
  const secrets: Partial<Record<ClassSecretUse, SecretRef>> = {};
  for (const use of classSecretUses) {
    const ref = secretRefOf(use, parameters, values, { hasDefault: true });
    if (ref !== undefined) secrets[use] = ref;
  }
  const fsType = fsTypeOf(parameters) ?? facts.defaultFsType;
  const request: CreateVolumeInit = {
    name,
    capacityRange: { requiredBytes: requestedBytes(claim) },
    volumeCapabilities: capabilitiesOf(facts, fsType),
    parameters: { ...driverParameters(parameters, knownParameters), ...(tellsNames ? namesOf(claim, name) : {}) },
  };
  return { name, fsType: modeOf(claim.spec) === "Block" ? undefined : fsType, secrets, request };
}

/** The request, with all that was found for it. */
export function requestOf(plan: VolumePlan, extras: VolumeExtras): CreateVolumeInit {
  const { secrets, source, topology, mutableParameters } = extras;
  return {
    ...plan.request,
    secrets,
    mutableParameters: { ...mutableParameters },
    ...(source === undefined ? {} : { volumeContentSource: source }),
    ...(topology === undefined
      ? {}
      : { accessibilityRequirements: { requisite: [...topology.requisite], preferred: [...topology.preferred] } }),
  };
}

function capabilitiesOf(facts: VolumeFacts, fsType = ""): VolumeCapabilityInit[] {
  const { claim, class: storageClass, capabilities } = facts;
  const tellsApart = capabilities.has(ControllerCapability.SINGLE_NODE_MULTI_WRITER);
  const mountFlags = [...(storageClass.mountOptions ?? [])];
  const modes = claim.spec?.accessModes ?? [];
  return modes.map((each) => {
    const mode = csiAccessMode([each], tellsApart);
    return modeOf(claim.spec) === "Block" ? asBlock(mode) : asMount(mode, fsType, mountFlags);
  });
}

/** A name without prefix is the older way, and goes to the driver too. */
function fsTypeOf(parameters: Readonly<Record<string, string>>): string | undefined {
  const found = Object.entries(parameters).filter(([key]) => key.toLowerCase() === "fstype" || key === fsTypeParameter);
  if (found.length > 1) {
    throw new KxError("KX_CSI_CLASS", `the class has both ${found.map(([key]) => key).join(" and ")}`, {
      remedy: `leave ${fsTypeParameter} alone`,
    });
  }
  return found[0]?.[1];
}

function wrongClaim(reason: string): KxError {
  return new KxError("KX_CSI_CLAIM", reason);
}
