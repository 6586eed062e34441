import { statSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { attachmentMark, describeMark, goneNamespaces, isMarkOf, staleMarks } from "./attachment-mark.ts";

const netns = "/proc/self/ns/net";
const inode = statSync(netns).ino;
const owner = { network: "kxnet", containerId: "a", ifName: "eth0" };
const long = { network: "n".repeat(50), containerId: "c".repeat(64), ifName: "eth0" };

describe("the mark of an attachment", () => {
  it("tells whose it is, in at most 128 bytes", () => {
    expect(attachmentMark({ owner, netns })).toBe(`kxnet a eth0 ${inode}`);
    for (const one of [owner, long, { ...long, network: "n".repeat(55) }, { ...long, network: "n".repeat(200) }]) {
      const mark = attachmentMark({ owner: one, netns });
      expect(mark.length).toBeLessThan(128);
      expect(isMarkOf(mark, one)).toBe(true);
      expect(isMarkOf(mark, { ...one, ifName: "eth" })).toBe(false);
      expect(isMarkOf(mark, { ...one, containerId: "b" })).toBe(false);
    }
    expect(isMarkOf("kxnet a eth01 5", { ...owner, ifName: "eth0" })).toBe(false);
    expect(isMarkOf(undefined, owner)).toBe(false);
  });

  it("is told in words", () => {
    expect(describeMark(`kxnet a eth0 ${inode}`)).toBe("the container a (eth0 of kxnet)");
    expect(describeMark(attachmentMark({ owner: { ...long, network: "n".repeat(200) }, netns }))).toBe(
      "another container",
    );
    expect([describeMark(undefined), describeMark("words")]).toEqual(["somebody else", "somebody else"]);
  });

  it("is stale if its attachment is not valid, or its namespace is gone where nobody says which are valid", () => {
    const marks = [owner, long, { ...long, network: "kxnet" }].map((one) => attachmentMark({ owner: one, netns }));
    expect(marks.map(staleMarks("kxnet", [owner]))).toEqual([false, false, true]);
    expect(marks.map(staleMarks("kxnet", []))).toEqual([true, false, true]);
    expect(marks.map(staleMarks(long.network, [long]))).toEqual([false, false, false]);
    expect(marks.map(staleMarks("kxnet", undefined))).toEqual([false, false, false]);
    expect(["kxnet a eth0 1", "other a eth0 1", "kxnet a eth0"].map(staleMarks("kxnet", undefined))).toEqual([
      true,
      false,
      false,
    ]);
    expect([`x ${inode}`, "x 1", undefined].map(goneNamespaces())).toEqual([false, true, false]);
  });
});
