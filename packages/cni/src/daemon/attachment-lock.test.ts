import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@kx/core";
import { afterAll, describe, expect, it } from "vitest";
import { attachmentOf, withAttachmentLock } from "./attachment-lock.ts";

const folder = mkdtempSync(join(tmpdir(), "kx-locks-"));
afterAll(() => rmSync(folder, { recursive: true }));
const patient = { clock: systemClock, signal: new AbortController().signal, waitMs: 30_000 };

describe("the lock of an attachment", () => {
  it("lets one after another work, and leaves no file", async () => {
    const locks = join(folder, "many", "locks");
    let working = 0;
    const work = async () => {
      expect(++working).toBe(1);
      await systemClock.sleep(1);
      working--;
      return "done";
    };
    const all = Array.from({ length: 30 }, () => withAttachmentLock(locks, "a", patient, work));
    expect(new Set(await Promise.all(all))).toEqual(new Set(["done"]));
    expect(readdirSync(locks)).toEqual([]);
  });

  it("is none for other attachments", async () => {
    await withAttachmentLock(folder, "a", patient, () =>
      withAttachmentLock(folder, "b", { ...patient, waitMs: 0 }, async () => undefined),
    );
  });

  it("is given up after a time, or when nobody waits any more", async () => {
    const { promise: held, resolve: free } = Promise.withResolvers<void>();
    const holding = withAttachmentLock(folder, "c", patient, () => held);
    const again = (waiter: Partial<typeof patient>) =>
      withAttachmentLock(folder, "c", { ...patient, ...waiter }, async () => expect.unreachable());
    await expect(again({ waitMs: 5 })).rejects.toMatchObject({ code: "KX_CNI_TRY_AGAIN" });
    await expect(again({ signal: AbortSignal.abort(new Error("gone")) })).rejects.toThrow("gone");
    free();
    await holding;
  });

  it("is free again after a failure", async () => {
    const fail = () => withAttachmentLock(folder, "d", patient, () => Promise.reject(new Error("no")));
    await expect(fail()).rejects.toThrow("no");
    await expect(fail()).rejects.toThrow("no");
  });
});

describe("an attachment", () => {
  it("is a plug-in's interface of a container", () => {
    const env = { CNI_CONTAINERID: "a", CNI_IFNAME: "eth0" };
    const names = [
      attachmentOf("kx-bridge", { ...env, CNI_COMMAND: "ADD" }),
      attachmentOf("kx-portmap", { ...env, CNI_COMMAND: "ADD" }),
      attachmentOf("kx-bridge", { ...env, CNI_COMMAND: "ADD", CNI_IFNAME: "eth1" }),
    ];
    expect(new Set(names).size).toBe(3);
    expect(attachmentOf("kx-bridge", { ...env, CNI_COMMAND: "DEL" })).toBe(names[0]);
    expect(attachmentOf("kx-bridge", { ...env, CNI_COMMAND: "GC" })).toBeUndefined();
    expect(attachmentOf("kx-bridge", { CNI_COMMAND: "ADD" })).toBeUndefined();
  });
});
