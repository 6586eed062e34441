import { describe, expect, it } from "vitest";
import { memoryState } from "../../test/support/memory-state.ts";
import { serveDriver, statusOf } from "../../test/support/serve-driver.ts";
import type { CsiDriverDefinition } from "./csi-driver.ts";
import { defineCsiDriver } from "./define-csi-driver.ts";

const ids = (count: number) => Array.from({ length: count }, (_, index) => `v${String(index).padStart(3, "0")}`);
const creationTime = { seconds: 1n, nanos: 0 };

function listing(own: Partial<CsiDriverDefinition>) {
  return defineCsiDriver<CsiDriverDefinition>({ name: "list.csi.kx.dev", state: memoryState(), ...own });
}

describe("lists", () => {
  it("are cut into pages where the driver gives all, and stay whole while entries come and go", async () => {
    const present = new Set(ids(25).toReversed());
    const driver = listing({
      listVolumes: async () => ({ entries: [...present].map((volumeId) => ({ volume: { volumeId } })) }),
    });
    await using served = await serveDriver(driver);
    const seen: string[] = [];
    let startingToken = "";
    do {
      const page = await served.controller.listVolumes({ maxEntries: 10, startingToken });
      expect(page.entries.length).toBeLessThanOrEqual(10);
      seen.push(...page.entries.map(({ volume }) => volume?.volumeId ?? ""));
      startingToken = page.nextToken;
      // What the token points behind goes away, and one comes before it.
      present.delete(seen.at(-1) ?? "");
      present.add("a");
    } while (startingToken !== "");
    expect(seen).toEqual(ids(25));
    expect((await served.controller.listVolumes({})).nextToken).toBe("");
  });

  it("give the driver its own tokens back where it makes pages", async () => {
    const all = ids(7);
    const asked: string[] = [];
    const driver = listing({
      async listVolumes({ maxEntries, startingToken }) {
        asked.push(startingToken);
        const from = Number(startingToken || 0);
        const entries = all.slice(from, from + maxEntries).map((volumeId) => ({ volume: { volumeId } }));
        return { entries, nextToken: from + maxEntries < all.length ? String(from + maxEntries) : "" };
      },
    });
    await using served = await serveDriver(driver);
    const first = await served.controller.listVolumes({ maxEntries: 4 });
    const second = await served.controller.listVolumes({ maxEntries: 4, startingToken: first.nextToken });
    expect([...first.entries, ...second.entries].map(({ volume }) => volume?.volumeId)).toEqual(all);
    expect(second.nextToken).toBe("");
    expect(asked).toEqual(["", "4"]);
  });

  it("answer ABORTED to tokens that they did not give", async () => {
    const driver = listing({
      listVolumes: async () => ({ entries: ids(3).map((volumeId) => ({ volume: { volumeId } })) }),
      listSnapshots: async () => ({
        entries: ids(3).map((snapshotId) => ({ snapshot: { snapshotId, sourceVolumeId: "v", creationTime } })),
      }),
    });
    await using served = await serveDriver(driver);
    const { nextToken } = await served.controller.listVolumes({ maxEntries: 1 });
    const { nextToken: ofSnapshots } = await served.controller.listSnapshots({ maxEntries: 1, sourceVolumeId: "v" });
    for (const startingToken of ["1", "invalid-token", `${nextToken}A`, ofSnapshots, nextToken.slice(1)]) {
      expect(await statusOf(served.controller.listVolumes({ startingToken }))).toBe("ABORTED");
    }
    const filtered = served.controller.listSnapshots({ startingToken: ofSnapshots, sourceVolumeId: "w" });
    expect(await statusOf(filtered)).toBe("ABORTED");
    expect(await statusOf(served.controller.listVolumes({ maxEntries: -1 }))).toBe("INVALID_ARGUMENT");
  });

  it("filter snapshots, whatever the driver does", async () => {
    const entries = ids(6).map((snapshotId, index) => ({
      snapshot: { snapshotId, sourceVolumeId: index % 2 === 0 ? "even" : "odd", creationTime, readyToUse: true },
    }));
    await using served = await serveDriver(listing({ listSnapshots: async () => ({ entries }) }));
    const found = async (request: object) =>
      (await served.controller.listSnapshots(request)).entries.map(({ snapshot }) => snapshot?.snapshotId);
    expect(await found({ sourceVolumeId: "even" })).toEqual(["v000", "v002", "v004"]);
    expect(await found({ snapshotId: "v003" })).toEqual(["v003"]);
    expect(await found({ snapshotId: "v003", sourceVolumeId: "even" })).toEqual([]);
    expect(await found({ snapshotId: "none" })).toEqual([]);
  });
});
