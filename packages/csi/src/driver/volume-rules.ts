import { create } from "@bufbuild/protobuf";
import type { KxError } from "@kx/core";
import {
  type CreateVolumeRequest,
  type CreateVolumeResponse,
  CreateVolumeResponseSchema,
  type DeleteVolumeResponse,
  DeleteVolumeResponseSchema,
} from "@kx/core/contracts/csi";
import { asksNoMoreThan, fitsRange, haveSameParameters, haveSameSource, isReachable } from "./compatible.ts";
import { csiError } from "./csi-error.ts";
import { shared } from "./keyed-locks.ts";
import type { Kit, Rules, Step } from "./kit.ts";
import { toStored } from "./stored-message.ts";
import { refuseUnsupported, volumeResponse } from "./stored-volume.ts";
import type { JsonRecord, StoredObject } from "./volume-state.ts";

/** How volumes come and go. */
export const volumeRules = {
  createVolume: {
    locks: ({ name, volumeContentSource: source }) => [
      { key: `name:${name}` },
      ...(source?.type.case === "volume" ? [shared("volume", source.type.value.volumeId)] : []),
      ...(source?.type.case === "snapshot" ? [shared("snapshot", source.type.value.snapshotId)] : []),
    ],
    around: createVolume,
  },
  deleteVolume: {
    locks: ({ volumeId }) => [{ key: `volume:${volumeId}` }],
    around: deleteVolume,
  },
} satisfies Rules;

async function createVolume(step: Step<"createVolume">): Promise<CreateVolumeResponse> {
  const { kit, request, call } = step;
  refuseUnsupported(kit, request.volumeCapabilities, "INVALID_ARGUMENT");
  refuseRange(request.capacityRange);
  refuseSourceKind(kit, request);
  if (kit.state === undefined) return await step.handle();
  const existing = await kit.state.findByName("volume", request.name);
  if (existing !== undefined) return answerExisting(existing, request, call.json);
  await refuseSource(kit, request);
  const response = await step.handle();
  const id = response.volume?.volumeId ?? "";
  await kit.state.put({
    kind: "volume",
    id,
    name: request.name,
    request: call.json,
    response: toStored(CreateVolumeResponseSchema, response),
    ...call.dataOf(undefined),
  });
  return response;
}

function answerExisting(existing: StoredObject, request: CreateVolumeRequest, now: JsonRecord): CreateVolumeResponse {
  const then = existing.request ?? {};
  const response = volumeResponse(existing);
  const { capacityBytes = 0n, accessibleTopology = [] } = response.volume ?? {};
  const range = request.capacityRange ?? { requiredBytes: 0n, limitBytes: 0n };
  const differences = [
    [fitsRange(capacityBytes, range), `its size of ${capacityBytes} bytes`],
    [asksNoMoreThan(then, now), "its capabilities"],
    [haveSameParameters(then, now), "its parameters"],
    [haveSameSource(then, now), "its content source"],
    [isReachable(accessibleTopology, request.accessibilityRequirements), "the places that it is reachable from"],
  ].flatMap(([isSame, what]) => (isSame === true ? [] : [String(what)]));
  if (differences.length === 0) return response;
  throw csiError(
    "ALREADY_EXISTS",
    `the volume ${JSON.stringify(request.name)} exists and differs in ${differences.join(" and ")}`,
    { remedy: "use another name, or ask for what is there", details: { volumeId: existing.id } },
  );
}

function refuseRange(range: { readonly requiredBytes: bigint; readonly limitBytes: bigint } | undefined): void {
  if (range === undefined || range.limitBytes === 0n || range.requiredBytes <= range.limitBytes) return;
  throw csiError("OUT_OF_RANGE", `limit_bytes ${range.limitBytes} is below required_bytes ${range.requiredBytes}`);
}

function refuseSourceKind({ features, definition }: Kit, { volumeContentSource }: CreateVolumeRequest): void {
  const kind = volumeContentSource?.type.case;
  if (kind === "volume" && features.clone !== true) {
    throw csiError("INVALID_ARGUMENT", "volumes cannot be made of volumes: the driver does not clone");
  }
  if (kind === "snapshot" && definition.createSnapshot === undefined) {
    throw csiError("INVALID_ARGUMENT", "volumes cannot be made of snapshots: the driver takes none");
  }
}

async function refuseSource(
  { state }: Kit,
  { volumeContentSource, capacityRange }: CreateVolumeRequest,
): Promise<void> {
  const source = volumeContentSource?.type;
  if (source?.case === undefined || state === undefined) return;
  const [kind, id] =
    source.case === "volume"
      ? (["volume", source.value.volumeId] as const)
      : (["snapshot", source.value.snapshotId] as const);
  const stored = await state.get(kind, id);
  if (stored === undefined)
    throw csiError("NOT_FOUND", `there is no ${kind} ${JSON.stringify(id)} to fill a volume with`);
  const bytes = sizeOf(stored);
  const limit = capacityRange?.limitBytes ?? 0n;
  if (limit > 0n && limit < bytes) {
    throw csiError(
      "OUT_OF_RANGE",
      `a volume of the ${kind} ${JSON.stringify(id)} needs ${bytes} bytes, ${limit} are allowed`,
    );
  }
}

/** What the content of a stored volume or snapshot needs, in bytes; 0 if it is not known. */
function sizeOf({ response = {} }: StoredObject): bigint {
  const { volume, snapshot } = response as { readonly volume?: JsonRecord; readonly snapshot?: JsonRecord };
  const bytes = volume?.["capacityBytes"] ?? snapshot?.["sizeBytes"];
  return typeof bytes === "string" ? BigInt(bytes) : 0n;
}

async function deleteVolume(step: Step<"deleteVolume">): Promise<DeleteVolumeResponse> {
  const { kit, request, call } = step;
  const { volumeId } = request;
  const stored = await kit.state?.get("volume", volumeId);
  // What is gone already is no error, and the driver is not asked about ids that it never gave.
  if (kit.state !== undefined && stored === undefined) return create(DeleteVolumeResponseSchema, {});
  const nodes = Object.keys(stored?.attachments ?? {});
  if (nodes.length > 0) throw inUse(volumeId, `is published to the nodes ${nodes.join(", ")}`);
  const publications = await kit.publications.of(volumeId);
  if (publications.length > 0) throw inUse(volumeId, `is published at ${publications[0]?.target ?? ""}`);
  if (stored !== undefined) call.stored = stored;
  const response = await step.handle();
  await kit.state?.delete("volume", volumeId);
  return response;
}

function inUse(volumeId: string, how: string): KxError {
  return csiError("IN_USE", `the volume ${JSON.stringify(volumeId)} ${how}`, { remedy: "unpublish it first" });
}
