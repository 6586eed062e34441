import { create } from "@bufbuild/protobuf";
import {
  ControllerListVolumeHealthRequestSchema,
  type ControllerListVolumeHealthResponse,
  ListSnapshotsRequestSchema,
  type ListSnapshotsResponse,
  ListVolumesRequestSchema,
  type ListVolumesResponse,
} from "@kx/core/contracts/csi";
import type { Rules, Step } from "./kit.ts";
import { type PagePlace, pageToken, placeOfToken } from "./page-token.ts";

/** Lists, in pages that hold together while entries come and go. */
export const listRules = {
  listVolumes: { around: listVolumes },
  listSnapshots: { around: listSnapshots },
  controllerListVolumeHealth: { around: listHealth },
} satisfies Rules;

async function listVolumes({ request, handle }: Step<"listVolumes">): Promise<ListVolumesResponse> {
  const list = "ListVolumes";
  const place = placeOfToken(list, request.startingToken);
  const response = await handle(create(ListVolumesRequestSchema, { ...request, ...asked(request, place) }));
  return Object.assign(
    response,
    cut(list, response, place, request.maxEntries, ({ volume }) => volume?.volumeId ?? ""),
  );
}

async function listSnapshots({ request, handle }: Step<"listSnapshots">): Promise<ListSnapshotsResponse> {
  const { sourceVolumeId, snapshotId } = request;
  const list = `ListSnapshots\0${sourceVolumeId}\0${snapshotId}`;
  const place = placeOfToken(list, request.startingToken);
  const response = await handle(create(ListSnapshotsRequestSchema, { ...request, ...asked(request, place) }));
  const entries = response.entries.filter(
    ({ snapshot }) =>
      (snapshotId === "" || snapshot?.snapshotId === snapshotId) &&
      (sourceVolumeId === "" || snapshot?.sourceVolumeId === sourceVolumeId),
  );
  const kept = { entries, nextToken: response.nextToken };
  return Object.assign(
    response,
    cut(list, kept, place, request.maxEntries, ({ snapshot }) => snapshot?.snapshotId ?? ""),
  );
}

async function listHealth({
  request,
  handle,
}: Step<"controllerListVolumeHealth">): Promise<ControllerListVolumeHealthResponse> {
  const list = "ControllerListVolumeHealth";
  const place = placeOfToken(list, request.startingToken);
  const response = await handle(
    create(ControllerListVolumeHealthRequestSchema, { ...request, ...asked(request, place) }),
  );
  return Object.assign(
    response,
    cut(list, response, place, request.maxEntries, ({ volumeId }) => volumeId),
  );
}

/** What the driver is asked: its own token; and for everything where it pays no heed to pages. */
function asked(
  { maxEntries }: { readonly maxEntries: number },
  place: PagePlace | undefined,
): { readonly maxEntries: number; readonly startingToken: string } {
  if (place?.by === "kit") return { maxEntries: 0, startingToken: "" };
  return { maxEntries, startingToken: place?.key ?? "" };
}

/** The page of what a driver gave: as it is, if the driver makes pages itself; cut out of the whole, if not. */
function cut<Entry>(
  list: string,
  { entries, nextToken }: { readonly entries: readonly Entry[]; readonly nextToken: string },
  place: PagePlace | undefined,
  maxEntries: number,
  keyOf: (entry: Entry) => string,
): { readonly entries: readonly Entry[]; readonly nextToken: string } {
  if (nextToken !== "") return { entries, nextToken: pageToken(list, { by: "driver", key: nextToken }) };
  const isAllowed = maxEntries === 0 || entries.length <= maxEntries;
  if (isAllowed && place?.by !== "kit") return { entries, nextToken: "" };
  const after = place?.by === "kit" ? place.key : undefined;
  const rest = entries
    .map((entry) => ({ key: keyOf(entry), entry }))
    .filter(({ key }) => after === undefined || key > after)
    .toSorted((a, b) => (a.key < b.key ? -1 : 1));
  const page = maxEntries === 0 ? rest : rest.slice(0, maxEntries);
  const last = page.at(-1);
  const isLast = last === undefined || page.length === rest.length;
  return {
    entries: page.map(({ entry }) => entry),
    nextToken: isLast ? "" : pageToken(list, { by: "kit", key: last.key }),
  };
}
