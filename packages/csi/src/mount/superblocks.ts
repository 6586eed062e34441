/** What is on a device, as its first and last bytes tell. */
export type Content =
  | { readonly kind: "empty" }
  /** `sizeBytes` is what the file system takes of the device. */
  | { readonly kind: "filesystem"; readonly type: string; readonly sizeBytes?: bigint }
  /** Something that is no file system, or one that we do not know. */
  | { readonly kind: "other"; readonly what: string };

/** How much of a device's start and end `readContent` wants: the superblock of btrfs is at 64 KiB, labels of ZFS take 512 KiB. */
export const headBytes = 2 * 1024 ** 2;
export const tailBytes = 1024 ** 2;

interface Signature {
  readonly what: string;
  readonly offset: number;
  readonly magic: string;
}

const text = (magic: string): string => Buffer.from(magic, "latin1").toString("latin1");
const bytes = (hex: string): string => Buffer.from(hex, "hex").toString("latin1");

// What stands there in most other uses of a device; blkid knows more.
const signatures: readonly Signature[] = [
  { what: "xfs", offset: 0, magic: text("XFSB") },
  { what: "btrfs", offset: 0x10040, magic: text("_BHRfS_M") },
  { what: "LUKS", offset: 0, magic: bytes("4c554b53babe") },
  { what: "LUKS", offset: 0x4000, magic: bytes("534b554cbabe") },
  { what: "LVM", offset: 0x200, magic: text("LABELONE") },
  { what: "swap", offset: 4086, magic: text("SWAPSPACE2") },
  { what: "GPT partitions", offset: 512, magic: text("EFI PART") },
  { what: "MBR partitions, or a boot sector", offset: 510, magic: bytes("55aa") },
  { what: "squashfs", offset: 0, magic: text("hsqs") },
  { what: "f2fs", offset: 0x400, magic: bytes("1020f5f2") },
  { what: "iso9660", offset: 0x8001, magic: text("CD001") },
  { what: "Linux RAID", offset: 0, magic: bytes("fc4e2ba9") },
  { what: "Linux RAID", offset: 0x1000, magic: bytes("fc4e2ba9") },
];

/**
 * Tells what is on a device. "empty" is proven only as far as head and tail go: all of their bytes are zero.
 *
 * @param head - its first bytes, `headBytes` or all there are.
 * @param tail - its last bytes, `tailBytes` or all there are.
 */
export function readContent(head: Uint8Array, tail: Uint8Array): Content {
  const ext = readExt(head);
  if (ext !== undefined) return ext;
  const found = signatures.find(({ offset, magic }) => has(head, offset, magic));
  if (found?.what === "xfs") return { kind: "filesystem", type: "xfs", sizeBytes: sizeOfXfs(head) };
  if (found?.what === "btrfs")
    return { kind: "filesystem", type: "btrfs", sizeBytes: viewOf(head).getBigUint64(0x10070, true) };
  if (found !== undefined) return { kind: "other", what: found.what };
  const first = head.findIndex((byte) => byte !== 0);
  if (first >= 0) return { kind: "other", what: `unknown data at byte ${first}` };
  const last = tail.findIndex((byte) => byte !== 0);
  if (last >= 0) return { kind: "other", what: `unknown data ${tail.length - last} bytes before its end` };
  return head.length === 0 ? { kind: "other", what: "no byte" } : { kind: "empty" };
}

// ext2, ext3 and ext4 have one superblock; features tell them apart.
function readExt(head: Uint8Array): Content | undefined {
  if (head.length < 0x800 || !has(head, 0x438, bytes("53ef"))) return undefined;
  const view = viewOf(head);
  const [hasJournal, hasExtents] = [
    (view.getUint32(0x45c, true) & 0x4) !== 0,
    (view.getUint32(0x460, true) & 0x2c0) !== 0,
  ];
  const isWide = (view.getUint32(0x460, true) & 0x80) !== 0;
  const blocks = BigInt(view.getUint32(0x404, true)) + (isWide ? BigInt(view.getUint32(0x550, true)) << 32n : 0n);
  const type = hasExtents ? "ext4" : hasJournal ? "ext3" : "ext2";
  return { kind: "filesystem", type, sizeBytes: blocks * (1024n << BigInt(view.getUint32(0x418, true))) };
}

function sizeOfXfs(head: Uint8Array): bigint {
  const view = viewOf(head);
  return view.getBigUint64(8) * BigInt(view.getUint32(4));
}

function has(head: Uint8Array, offset: number, magic: string): boolean {
  return Buffer.from(head.subarray(offset, offset + magic.length)).toString("latin1") === magic;
}

const viewOf = (array: Uint8Array): DataView => new DataView(array.buffer, array.byteOffset, array.byteLength);
