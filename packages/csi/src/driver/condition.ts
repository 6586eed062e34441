import { create } from "@bufbuild/protobuf";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import {
  ControllerGetVolumeHealthRequestSchema,
  ControllerListVolumeHealthRequestSchema,
  NodeGetVolumeHealthRequestSchema,
} from "@kx/core/contracts/csi";
import type { CsiCall } from "./csi-call.ts";
import type { CsiDriverDefinition } from "./csi-driver.ts";
import type { ResponseOf, Step, UnaryName } from "./kit.ts";

/** A volume's health, as far as a condition is made of it. */
interface Health {
  readonly volumeId?: string;
  readonly healthStatuses?: readonly { readonly reason?: string; readonly message?: string }[];
}

interface WithUnknown {
  $unknown?: { readonly no: number; readonly wireType: number; readonly data: Uint8Array }[] | undefined;
}

/** Field 2 in each of the three messages that had it, up to CSI 1.12. */
const conditionField = 2;
const lengthDelimited = 2;

/**
 * Adds what callers of CSI 1.5 to 1.12 know as a volume's condition: 1.13 has removed the message, so that its bytes are
 * written by hand, `{ bool abnormal = 1; string message = 2 }`.
 */
export async function withCondition<Name extends UnaryName>(
  name: Name,
  step: Step<Name>,
  response: ResponseOf<Name>,
): Promise<ResponseOf<Name>> {
  const add = encoders[name];
  if (step.kit.features.volumeCondition === true) await add?.(step, response as never);
  return response;
}

const encoders: { readonly [Name in UnaryName]?: (step: Step<Name>, response: ResponseOf<Name>) => Promise<void> } = {
  async controllerGetVolume({ kit, request, call }, response) {
    const asked = create(ControllerGetVolumeHealthRequestSchema, { volumeId: request.volumeId });
    const health = await kit.definition.controllerGetVolumeHealth?.(asked, call);
    if (response.status !== undefined) mark(response.status, health?.volumeHealth);
  },
  async listVolumes({ kit, request, call }, response) {
    const isWhole = request.startingToken === "" && response.nextToken === "";
    const all = isWhole ? await healthOfAll(kit.definition, call) : undefined;
    const healthOf = async (volumeId: string) =>
      all === undefined ? await healthOfOne(kit, volumeId, call) : (all.get(volumeId) ?? {});
    await eachOf(response.entries, async ({ volume, status }) => {
      if (status !== undefined) mark(status, await healthOf(volume?.volumeId ?? ""));
    });
  },
  async nodeGetVolumeStats({ kit, request, call }, response) {
    const { volumeId, volumePath: volumePublishPath, stagingTargetPath } = request;
    const asked = create(NodeGetVolumeHealthRequestSchema, { volumeId, volumePublishPath, stagingTargetPath });
    const health = await kit.definition.nodeGetVolumeHealth?.(asked, call);
    mark(response, health?.volumeHealth);
  },
};

/** How many volumes of a page are asked for at a time. */
const askedAtOnce = 16;

async function eachOf<Entry>(entries: readonly Entry[], work: (entry: Entry) => Promise<void>): Promise<void> {
  const left = entries.values();
  await Promise.all(
    Array.from({ length: askedAtOnce }, async () => {
      for (const entry of left) await work(entry);
    }),
  );
}

/** As one call for all is dearer than those for a page, and pages of health are not those of volumes. */
async function healthOfOne(
  { definition, state }: Step<"listVolumes">["kit"],
  volumeId: string,
  call: CsiCall,
): Promise<Health | undefined> {
  const asked = create(ControllerGetVolumeHealthRequestSchema, { volumeId });
  const stored = await state?.get("volume", volumeId);
  const health = await definition.controllerGetVolumeHealth?.(asked, call.about(stored));
  return health?.volumeHealth;
}

async function healthOfAll(
  definition: CsiDriverDefinition,
  call: CsiCall,
): Promise<ReadonlyMap<string, Health> | undefined> {
  const asked = create(ControllerListVolumeHealthRequestSchema, {});
  const all = await definition.controllerListVolumeHealth?.(asked, call);
  if (all === undefined) return undefined;
  const { entries = [] } = all;
  return new Map(entries.map((health) => [health.volumeId ?? "", health]));
}

function mark(message: WithUnknown, health: Health | undefined): void {
  if (health === undefined) return;
  const faults = health.healthStatuses ?? [];
  const data = faults.length === 0 ? wellCondition : conditionOf(faults);
  message.$unknown = [...(message.$unknown ?? []), { no: conditionField, wireType: lengthDelimited, data }];
}

function conditionOf(faults: NonNullable<Health["healthStatuses"]>): Uint8Array {
  const text = faults.map(({ reason = "", message: said = "" }) => (said === "" ? reason : said)).join("; ");
  const condition = new BinaryWriter();
  if (faults.length > 0) condition.tag(1, 0).bool(true);
  condition.tag(2, lengthDelimited).string(text === "" ? "the volume is well" : text);
  return new BinaryWriter().bytes(condition.finish()).finish();
}

const wellCondition = conditionOf([]);
