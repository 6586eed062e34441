import { mkdtemp, rename, rm, symlink, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@kx/core";
import { collectingLogger } from "@kx/core/testing";
import { afterAll, beforeAll, expect, it } from "vitest";
import { until } from "../../test/support/driver-process.ts";
import { followFiles, readFiles } from "./files.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "kx-csi-files-"));
});
afterAll(() => rm(folder, { recursive: true }));

it("follows files whose folder is a link that is switched, as a Secret's is", async () => {
  const [first, second] = [await mkdtemp(join(folder, "first-")), await mkdtemp(join(folder, "second-"))];
  for (const [place, text] of [
    [first, "one"],
    [second, "two"],
  ] as const) {
    await writeFile(join(place, "cert"), `${text} cert`);
    await writeFile(join(place, "key"), `${text} key`);
  }
  const link = join(folder, "current");
  await symlink(first, link);
  const files = { cert: join(link, "cert"), key: join(link, "key") };
  const begun = await readFiles(files);
  expect(begun).toEqual({ cert: "one cert", key: "one key" });

  const stop = new AbortController();
  const taken: unknown[] = [];
  const log = collectingLogger();
  const following = followFiles(
    files,
    begun,
    (contents) => {
      if (contents.key !== "two key") throw new Error("they do not fit");
      taken.push(contents);
    },
    { clock: systemClock, log, everyMs: 5 },
    stop.signal,
  );
  const warnings = () => log.messages("warn").length;
  await symlink(second, `${link}.new`);
  await writeFile(join(second, "key"), "bad key");
  await rename(`${link}.new`, link);
  await until(() => warnings() === 1, "the warning");
  await writeFile(join(second, "key"), "two key");
  await until(() => taken.length === 1, "the second pair");
  expect(taken).toEqual([{ cert: "two cert", key: "two key" }]);
  await unlink(join(second, "key"));
  await until(() => warnings() === 2, "the warning of a file that is gone");
  stop.abort();
  await following;
  expect(taken).toHaveLength(1);
  expect(warnings()).toBe(2);
});

it("says which file cannot be read", async () => {
  await expect(readFiles({ cert: join(folder, "absent") })).rejects.toThrow(/KX_CSI_METADATA.*absent/);
});
