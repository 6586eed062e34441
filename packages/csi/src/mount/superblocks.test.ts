import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readContent } from "./superblocks.ts";

const zeros = (bytes = 128 * 1024) => new Uint8Array(bytes);
function withBytes(offset: number, bytes: Uint8Array, size?: number): Uint8Array {
  const all = zeros(size);
  all.set(bytes, offset);
  return all;
}

/** The fields of an ext superblock that tell type and size. */
function ext({ compatible = 0, incompatible = 0, blocks = 8192, logBlock = 2, high = 0 }): Uint8Array {
  const head = zeros();
  const view = new DataView(head.buffer);
  view.setUint16(0x438, 0xef53, true);
  view.setUint32(0x404, blocks, true);
  view.setUint32(0x418, logBlock, true);
  view.setUint32(0x45c, compatible, true);
  view.setUint32(0x460, incompatible, true);
  view.setUint32(0x550, high, true);
  return head;
}

describe("readContent", () => {
  it("takes a device for empty only if all that it saw is zero", () => {
    expect(readContent(zeros(), zeros())).toEqual({ kind: "empty" });
    fc.assert(
      fc.property(fc.nat(128 * 1024 - 1), fc.integer({ min: 1, max: 255 }), fc.boolean(), (offset, byte, isHead) => {
        const one = withBytes(offset, Uint8Array.of(byte));
        expect(readContent(isHead ? one : zeros(), isHead ? zeros() : one).kind).not.toBe("empty");
      }),
    );
    expect(readContent(zeros(0), zeros(0)).kind).toBe("other");
  });

  it("tells ext2, ext3 and ext4 apart, and their sizes beyond 32 bits of blocks", () => {
    const size = 8192n * 4096n;
    expect(readContent(ext({}), zeros())).toEqual({ kind: "filesystem", type: "ext2", sizeBytes: size });
    expect(readContent(ext({ compatible: 4 }), zeros())).toEqual({ kind: "filesystem", type: "ext3", sizeBytes: size });
    const large = { kind: "filesystem", type: "ext4", sizeBytes: (8192n + (1n << 32n)) * 4096n };
    expect(readContent(ext({ compatible: 4, incompatible: 0xc0, high: 1 }), zeros())).toEqual(large);
  });

  it("knows xfs and btrfs with their sizes", () => {
    const xfs = withBytes(0, Buffer.from("XFSB"));
    new DataView(xfs.buffer).setUint32(4, 4096);
    new DataView(xfs.buffer).setBigUint64(8, 1000n);
    expect(readContent(xfs, zeros())).toEqual({ kind: "filesystem", type: "xfs", sizeBytes: 4096000n });
    const btrfs = withBytes(0x10040, Buffer.from("_BHRfS_M"));
    new DataView(btrfs.buffer).setBigUint64(0x10070, 12345n, true);
    expect(readContent(btrfs, zeros())).toEqual({ kind: "filesystem", type: "btrfs", sizeBytes: 12345n });
  });

  it.each([
    ["LUKS", 0, "4c554b53babe"],
    ["LVM", 512, "4c4142454c4f4e45"],
    ["GPT partitions", 512, "4546492050415254"],
    ["Linux RAID", 0x1000, "fc4e2ba9"],
  ])("names %s", (what, offset, magic) => {
    expect(readContent(withBytes(offset, Buffer.from(magic, "hex")), zeros())).toEqual({ kind: "other", what });
  });

  it("bears any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 4096 }), fc.uint8Array({ maxLength: 64 }), (head, tail) => {
        expect(["empty", "filesystem", "other"]).toContain(readContent(head, tail).kind);
      }),
    );
  });
});
