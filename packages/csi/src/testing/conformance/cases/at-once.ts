import type { ConformanceCase } from "../case.ts";
import { fail, failureOf, succeeded } from "../failure.ts";

const needs = ["controller CREATE_DELETE_VOLUME"] as const;
const snapshotNeeds = ["controller CREATE_DELETE_VOLUME", "controller CREATE_DELETE_SNAPSHOT"] as const;
const atOnce = 8;

/**
 * What the same call gave, made several times at once. It may be refused with ABORTED while it is at work for another caller, and
 * has to succeed for one.
 */
async function idsOf(call: () => Promise<string>, what: string): Promise<readonly string[]> {
  const outcomes = await Promise.all(
    Array.from({ length: atOnce }, async () => {
      const made = call();
      return { made, failure: await failureOf(made) };
    }),
  );
  const other = outcomes.find(({ failure }) => failure !== undefined && failure.status !== "ABORTED");
  if (other?.failure !== undefined) {
    const { status, message } = other.failure;
    fail(`of ${atOnce} times ${what} at once one failed with ${status}, not with ABORTED: ${message}`);
  }
  const ids = await Promise.all(outcomes.flatMap(({ made, failure }) => (failure === undefined ? [made] : [])));
  if (ids.length === 0) fail(`of ${atOnce} times ${what} at once none succeeded`);
  return [...ids, await succeeded(call(), `${what} once more`)];
}

function one(ids: readonly string[], what: string): string {
  const kinds = [...new Set(ids)];
  return kinds.length === 1 ? (kinds[0] ?? "") : fail(`${what} at once made several: ${kinds.join(", ")}`);
}

/** D7: calls at once. */
export const atOnceCases: readonly ConformanceCase[] = [
  {
    id: "D7.same-volume",
    title: "the same CreateVolume several times at once makes one volume",
    needs,
    async run(scope) {
      const request = scope.volumeRequest();
      const create = async () => (await scope.calls.controller.createVolume(request)).volume?.volumeId ?? "";
      const ids = await idsOf(create, "CreateVolume");
      for (const id of new Set(ids)) scope.forgetLater("volume", id);
      one(ids, "CreateVolume");
    },
  },
  {
    id: "D7.volumes",
    title: "volumes of different names are made at once",
    needs,
    async run({ volume }) {
      const made = await Promise.all(Array.from({ length: atOnce }, () => volume()));
      const ids = new Set(made.map(({ volumeId }) => volumeId));
      if (ids.size !== atOnce) fail(`${atOnce} volumes have ${ids.size} ids`);
    },
  },
  {
    id: "D7.delete",
    title: "the same DeleteVolume several times at once deletes it",
    needs,
    async run({ calls, volume, secrets }) {
      const { volumeId } = await volume();
      const remove = async () => {
        await calls.controller.deleteVolume({ volumeId, secrets });
        return volumeId;
      };
      await idsOf(remove, "DeleteVolume");
    },
  },
  {
    id: "D7.same-snapshot",
    title: "the same CreateSnapshot several times at once makes one snapshot",
    needs: snapshotNeeds,
    async run(scope) {
      const { volumeId: sourceVolumeId } = await scope.volume();
      const request = { name: scope.name(), sourceVolumeId, secrets: scope.secrets };
      const take = async () => (await scope.calls.controller.createSnapshot(request)).snapshot?.snapshotId ?? "";
      const ids = await idsOf(take, "CreateSnapshot");
      for (const id of new Set(ids)) scope.forgetLater("snapshot", id);
      one(ids, "CreateSnapshot");
    },
  },
];
