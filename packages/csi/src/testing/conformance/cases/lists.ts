import type { ConformanceCase } from "../case.ts";
import { fail, refused, succeeded } from "../failure.ts";
import type { Scope } from "../scope.ts";

const volumeNeeds = ["controller CREATE_DELETE_VOLUME", "controller LIST_VOLUMES"] as const;
const snapshotNeeds = [
  "controller CREATE_DELETE_VOLUME",
  "controller CREATE_DELETE_SNAPSHOT",
  "controller LIST_SNAPSHOTS",
] as const;
const pageSize = 2;
/** More pages than any test's driver has. */
const maxPages = 10_000;

interface Page {
  readonly ids: readonly string[];
  readonly nextToken: string;
}
type List = (request: { maxEntries?: number; startingToken?: string; sourceVolumeId?: string }) => Promise<Page>;

const volumesOf =
  ({ calls }: Scope): List =>
  async (request) => {
    const { entries, nextToken } = await succeeded(calls.controller.listVolumes(request), "ListVolumes");
    return { ids: entries.map(({ volume }) => volume?.volumeId ?? ""), nextToken };
  };
const snapshotsOf =
  ({ calls, secrets }: Scope): List =>
  async (request) => {
    const asked = calls.controller.listSnapshots({ ...request, secrets });
    const { entries, nextToken } = await succeeded(asked, "ListSnapshots");
    return { ids: entries.map(({ snapshot }) => snapshot?.snapshotId ?? ""), nextToken };
  };

/** All entries, page by page; `between` is told what was found so far. */
async function pages(list: List, between: (found: readonly string[]) => Promise<void> = async () => {}) {
  const found: string[] = [];
  let startingToken = "";
  for (let count = 0; count < maxPages; count++) {
    const { ids, nextToken } = await list({ maxEntries: pageSize, startingToken });
    if (ids.length > pageSize) fail(`a page of at most ${pageSize} has ${ids.length} entries`);
    found.push(...ids);
    if (nextToken === "") return found;
    startingToken = nextToken;
    await between(found);
  }
  return fail(`the list has not ended after ${maxPages} pages`);
}

function hasEach(found: readonly string[], wanted: readonly string[], what: string): void {
  for (const id of wanted) {
    const times = found.filter((each) => each === id).length;
    if (times !== 1) fail(`${id} is ${times === 0 ? "not" : `${times} times`} in ${what}`);
  }
}

async function several<T>(make: () => Promise<T>, count = 5): Promise<readonly T[]> {
  const made: T[] = [];
  while (made.length < count) made.push(await make());
  return made;
}

/** D8: lists and their pages. */
export const listCases: readonly ConformanceCase[] = [
  {
    id: "D8.volumes",
    title: "ListVolumes has each volume once, until it is deleted",
    needs: volumeNeeds,
    async run(scope) {
      const [kept, gone] = [await scope.volume(), await scope.volume()];
      const list = volumesOf(scope);
      hasEach((await list({})).ids, [kept.volumeId, gone.volumeId], "the list");
      await succeeded(
        scope.calls.controller.deleteVolume({ volumeId: gone.volumeId, secrets: scope.secrets }),
        "DeleteVolume",
      );
      const { ids } = await list({});
      hasEach(ids, [kept.volumeId], "the list");
      if (ids.includes(gone.volumeId)) fail(`the deleted volume ${gone.volumeId} is in the list`);
    },
  },
  {
    id: "D8.volume-pages",
    title: "pages of ListVolumes have each volume once",
    needs: volumeNeeds,
    async run(scope) {
      const made = await several(() => scope.volume());
      const found = await pages(volumesOf(scope));
      hasEach(
        found,
        made.map(({ volumeId }) => volumeId),
        "the pages",
      );
    },
  },
  {
    id: "D8.stable",
    title: "a token of ListVolumes stays good while volumes come and go",
    needs: volumeNeeds,
    async run(scope) {
      const made = (await several(() => scope.volume(), 7)).map(({ volumeId }) => volumeId);
      const list = volumesOf(scope);
      const before = (await list({})).ids;
      const gone = new Set<string>();
      const found = await pages(list, async (soFar) => {
        // Best the last of the page: what a token may point at.
        const volumeId = soFar.findLast((id) => made.includes(id) && !gone.has(id));
        if (volumeId === undefined) return;
        gone.add(volumeId);
        await succeeded(scope.calls.controller.deleteVolume({ volumeId, secrets: scope.secrets }), "DeleteVolume");
      });
      const after = new Set((await list({})).ids);
      hasEach(
        found,
        before.filter((id) => after.has(id)),
        "pages between which other volumes were deleted",
      );
    },
  },
  {
    id: "D8.volume-token",
    title: "ListVolumes with a token that was never given is ABORTED",
    needs: ["controller LIST_VOLUMES"],
    async run({ calls }) {
      const call = calls.controller.listVolumes({ startingToken: "kx-no-such-token" });
      await refused(call, ["ABORTED"], "ListVolumes with a token that was never given");
    },
  },
  {
    id: "D8.snapshots",
    title: "ListSnapshots finds a snapshot by its id, and nothing by an id that is not there",
    needs: snapshotNeeds,
    async run(scope) {
      const { volumeId } = await scope.volume();
      const { snapshotId } = await scope.snapshot(volumeId);
      await scope.snapshot(volumeId);
      const asked = async (id: string) => {
        const call = scope.calls.controller.listSnapshots({ snapshotId: id, secrets: scope.secrets });
        return (await succeeded(call, "ListSnapshots by id")).entries.map(({ snapshot }) => snapshot?.snapshotId ?? "");
      };
      const [found, none] = [await asked(snapshotId), await asked("kx-never-was")];
      if (found.length !== 1 || found[0] !== snapshotId) fail(`by the id ${snapshotId} it found ${found.join(", ")}`);
      if (none.length > 0) fail(`by an id that is not there it found ${none.join(", ")}`);
    },
  },
  {
    id: "D8.snapshots-by-source",
    title: "ListSnapshots by source has all snapshots of the volume, and no others",
    needs: snapshotNeeds,
    async run(scope) {
      const [source, other] = [await scope.volume(), await scope.volume()];
      const wanted = (await several(() => scope.snapshot(source.volumeId), 2)).map(({ snapshotId }) => snapshotId);
      await scope.snapshot(other.volumeId);
      const { ids } = await snapshotsOf(scope)({ sourceVolumeId: source.volumeId });
      hasEach(ids, wanted, "the list of the source's snapshots");
      if (ids.length !== wanted.length) fail(`it has ${ids.length} snapshots, and the volume has ${wanted.length}`);
      const none = await snapshotsOf(scope)({ sourceVolumeId: "kx-never-was" });
      if (none.ids.length > 0) fail(`of a volume that is not there it found ${none.ids.join(", ")}`);
    },
  },
  {
    id: "D8.snapshot-pages",
    title: "pages of ListSnapshots have each snapshot once",
    needs: snapshotNeeds,
    async run(scope) {
      const { volumeId } = await scope.volume();
      const made = await several(() => scope.snapshot(volumeId));
      hasEach(
        await pages(snapshotsOf(scope)),
        made.map(({ snapshotId }) => snapshotId),
        "the pages",
      );
    },
  },
];
