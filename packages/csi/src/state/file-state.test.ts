import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Logger } from "@kx/core";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { StateKind, StoredObject, VolumeState } from "../driver/volume-state.ts";
import { fileNameOf } from "./file-names.ts";
import { fileState } from "./file-state.ts";

let folder: string;
let logged: Readonly<Record<string, unknown>>[];
const opened: VolumeState[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "kx-csi-state-"));
  logged = [];
});
afterEach(async () => {
  for (const state of opened.splice(0)) await state[Symbol.asyncDispose]?.();
  await rm(folder, { recursive: true });
});

const nothing = () => undefined;
const log: Logger = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: (fields, message) => void logged.push({ ...fields, message }),
  child: () => log,
};
async function open(dir = join(folder, "state"), durability: "fsync" | "rename" = "rename"): Promise<VolumeState> {
  const state = fileState(dir, { durability });
  await state.open?.(log);
  opened.push(state);
  return state;
}
async function reopen(dir?: string): Promise<VolumeState> {
  await opened.pop()?.[Symbol.asyncDispose]?.();
  return open(dir);
}
const volume = (id: string, name = `name of ${id}`, more: Partial<StoredObject> = {}): StoredObject => ({
  kind: "volume",
  id,
  name,
  ...more,
});

describe.each(["fsync", "rename"] as const)("with durability %s", (durability) => {
  it("finds what was put by id and name, before and after it is opened anew", async () => {
    const state = await open(undefined, durability);
    const object = volume("v1", "pvc-1", { request: { size: "1" }, data: { deep: [1, { a: null }] } });
    await state.put(object);
    await state.put({ ...object, kind: "snapshot", name: "other" });
    const check = async (one: VolumeState) => {
      expect(await one.get("volume", "v1")).toStrictEqual(object);
      expect(await one.findByName("volume", "pvc-1")).toStrictEqual(object);
      expect(await one.findByName("snapshot", "pvc-1")).toBeUndefined();
      expect(await one.get("groupSnapshot", "v1")).toBeUndefined();
    };
    await check(state);
    await check(await reopen());
  });

  it("replaces and deletes", async () => {
    const state = await open(undefined, durability);
    await state.put(volume("v1", "before"));
    await state.put(volume("v1", "after"));
    expect(await state.findByName("volume", "before")).toBeUndefined();
    expect((await state.findByName("volume", "after"))?.id).toBe("v1");
    await state.delete("volume", "v1");
    await state.delete("volume", "v1");
    expect(await state.get("volume", "v1")).toBeUndefined();
    expect(await (await reopen()).list("volume", undefined, 10)).toEqual([]);
  });

  it("takes many changes at once", async () => {
    const state = await open(undefined, durability);
    await Promise.all(Array.from({ length: 100 }, (_, index) => state.put(volume(`v${index}`))));
    await Promise.all(Array.from({ length: 50 }, (_, index) => state.delete("volume", `v${index * 2}`)));
    expect(await (await reopen()).list("volume", undefined, 1000)).toHaveLength(50);
  });
});

it("finds each of several publications of one name", async () => {
  const state = await open();
  const at = (id: string): StoredObject => ({ kind: "publication", id, name: "v1" });
  await state.put(at("/a"));
  await state.put(at("/b"));
  await state.delete("publication", "/a");
  expect((await state.findByName("publication", "v1"))?.id).toBe("/b");
});

it("lists in the order of ids, from a place that need not be there", async () => {
  const state = await open();
  for (const id of ["b", "a", "é", "C", "aa", "~"]) await state.put(volume(id));
  const ids = async (after: string | undefined, limit: number) =>
    (await state.list("volume", after, limit)).map((object) => object.id);
  expect(await ids(undefined, 10)).toEqual(["C", "a", "aa", "b", "~", "é"]);
  expect(await ids("a", 2)).toEqual(["aa", "b"]);
  expect(await ids("ab", 2)).toEqual(["b", "~"]);
  expect(await ids("é", 2)).toEqual([]);
});

it("behaves as a map with any ids and names, also after it is opened anew", async () => {
  const id = fc.oneof(
    fc.string({ unit: "binary", maxLength: 300 }),
    fc.constantFrom("", ".", "..", "../up", "/abs", "a/b", "a%2fb", "~", "\0", "\ud800", "x".repeat(4096), ".new-1"),
  );
  const change = fc.record({ id, isDeleted: fc.boolean(), name: fc.string() });
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(change, { maxLength: 30 }), async (changes) => {
      const dir = join(folder, `map-${++run}`, "state");
      const state = await open(dir);
      const model = new Map<string, StoredObject>();
      for (const { id: changed, isDeleted, name } of changes) {
        if (isDeleted) await state.delete("volume", changed);
        else await state.put(volume(changed, name));
        if (isDeleted) model.delete(changed);
        else model.set(changed, volume(changed, name));
      }
      const expected = [...model.values()].toSorted((one, other) => (one.id < other.id ? -1 : 1));
      expect(await (await reopen(dir)).list("volume", undefined, 1000)).toEqual(expected);
      // Nothing was written outside.
      expect(await readdir(join(folder, `map-${run}`))).toEqual(["state"]);
      await opened.pop()?.[Symbol.asyncDispose]?.();
    }),
    { numRuns: 60 },
  );
});

it("gives each id one safe file name of its own", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (one, other) => {
      expect(fileNameOf(one)).toMatch(/^[\w%~-][\w%.~-]*$/);
      expect(fileNameOf(one).length).toBeLessThan(240);
      expect(fileNameOf(one) === fileNameOf(other)).toBe(one === other);
    }),
  );
});

it("sets aside what is no whole object, says so, and keeps the rest", async () => {
  const state = await open();
  await state.put(volume("good"));
  await state.put(volume("torn"));
  await state.put(volume("moved"));
  const files = join(folder, "state/volume");
  const whole = await readFile(join(files, "torn.json"), "utf8");
  await writeFile(join(files, "torn.json"), whole.slice(0, 20));
  await writeFile(join(files, "empty.json"), "");
  await writeFile(join(files, "alias.json"), await readFile(join(files, "moved.json")));
  await writeFile(join(files, ".new-3"), "half");
  const again = await reopen();
  expect((await again.list("volume", undefined, 10)).map(({ id }) => id)).toEqual(["good", "moved"]);
  expect((await readdir(files)).toSorted()).toEqual(
    ["alias.json.torn", "empty.json.torn", "good.json", "moved.json", "torn.json.torn"].toSorted(),
  );
  expect(logged.map(({ file }) => String(file)).toSorted()).toEqual(
    ["alias", "empty", "torn"].map((name) => join(files, `${name}.json.torn`)),
  );
});

it("refuses a folder that another has, and takes it once that one lets go", async () => {
  await open();
  await expect(fileState(join(folder, "state")).open?.(log)).rejects.toMatchObject({ code: "KX_CSI_STATE_LOCKED" });
  await reopen();
});

it("names what cannot be read or written, and works again when the reason is gone", async () => {
  await writeFile(join(folder, "state"), "");
  const state = fileState(join(folder, "state"), { durability: "rename" });
  opened.push(state);
  await expect(state.get("volume", "v")).rejects.toMatchObject({ code: "KX_CSI_STATE_IO" });
  await rm(join(folder, "state"));
  await state.put(volume("v"));
  await rm(join(folder, "state/volume"), { recursive: true });
  await expect(state.put(volume("w"))).rejects.toThrow(/w cannot be written to .*state\/volume/);
  expect(await state.get("volume", "w")).toBeUndefined();
  await mkdir(join(folder, "state/volume"));
  await state.put(volume("w"));
  expect((await state.get("volume", "w"))?.id).toBe("w");
});

it("keeps kinds apart in folders of the same name", async () => {
  const state = await open();
  for (const kind of ["volume", "snapshot", "groupSnapshot", "publication"] satisfies StateKind[]) {
    await state.put({ kind, id: "x", name: kind });
  }
  expect((await readdir(join(folder, "state"))).toSorted()).toEqual(
    [".lock", "groupSnapshot", "publication", "snapshot", "volume"].toSorted(),
  );
});
