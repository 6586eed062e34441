import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { KxError } from "../error.ts";
import { type MountInfo, parseMountInfo, readMountInfo } from "./mountinfo.ts";

const sample = String.raw`36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
71 36 0:52 / /var/lib/a\040b\011c\012d\134e rw shared:7 master:3 propagate_from:2 - fuse.sshfs u@h:/x rw,user_id=0
72 36 0:53 / /empty ro unbindable - tmpfs  rw,size=1m
`;

/** Writes a line as the kernel does (show_mountinfo and mangle in fs/proc_namespace.c). */
function formatLine(mount: MountInfo): string {
  const escape = (text: string) =>
    text.replaceAll(/[ \t\n\\#]/g, (char) => `\\${char.charCodeAt(0).toString(8).padStart(3, "0")}`);
  const { id, parentId, major, minor, root, mountPoint, options, shared, master, fsType, source, superOptions } = mount;
  const tags = [
    ...(shared === undefined ? [] : [`shared:${shared}`]),
    ...(master === undefined ? [] : [`master:${master}`]),
    ...(mount.isUnbindable ? ["unbindable"] : []),
  ];
  const before = [id, parentId, `${major}:${minor}`, escape(root), escape(mountPoint), options.join(), ...tags];
  return [...before, "-", escape(fsType), escape(source), superOptions.map(escape).join()].join(" ");
}

const word = fc.stringMatching(/^[a-z0-9_=/]{1,12}$/);
const path = fc.string({ unit: "grapheme", maxLength: 30 }).map((text) => `/${text}`);
const mounts: fc.Arbitrary<MountInfo> = fc.record(
  {
    id: fc.nat(),
    parentId: fc.nat(),
    major: fc.nat(),
    minor: fc.nat(),
    root: path,
    mountPoint: path,
    options: fc.array(word, { minLength: 1 }),
    shared: fc.nat(),
    master: fc.nat(),
    isUnbindable: fc.boolean(),
    fsType: word,
    source: fc.string({ unit: "grapheme" }),
    superOptions: fc.array(word, { minLength: 1 }),
  },
  {
    requiredKeys: [
      "id",
      "parentId",
      "major",
      "minor",
      "root",
      "mountPoint",
      "options",
      "isUnbindable",
      "fsType",
      "source",
      "superOptions",
    ],
  },
);

describe("parseMountInfo", () => {
  it("reads tags, escapes and an empty source", () => {
    expect(parseMountInfo(sample)).toEqual([
      {
        id: 36,
        parentId: 35,
        major: 98,
        minor: 0,
        root: "/mnt1",
        mountPoint: "/mnt2",
        options: ["rw", "noatime"],
        master: 1,
        isUnbindable: false,
        fsType: "ext3",
        source: "/dev/root",
        superOptions: ["rw", "errors=continue"],
      },
      expect.objectContaining({ mountPoint: "/var/lib/a b\tc\nd\\e", shared: 7, master: 3, fsType: "fuse.sshfs" }),
      expect.objectContaining({ isUnbindable: true, source: "", superOptions: ["rw", "size=1m"] }),
    ]);
    expect(parseMountInfo("")).toEqual([]);
  });

  it("reads what the kernel writes of any mount", () => {
    fc.assert(
      fc.property(fc.array(mounts), (list) => {
        expect(parseMountInfo(list.map((mount) => `${formatLine(mount)}\n`).join(""))).toEqual(list);
      }),
    );
  });

  it("reads or refuses any damaged text, and never does anything else", () => {
    const damage = fc.tuple(fc.nat({ max: sample.length }), fc.nat({ max: 8 }), fc.string({ maxLength: 8 }));
    let refused = 0;
    fc.assert(
      fc.property(damage, ([at, cut, put]) => {
        try {
          parseMountInfo(sample.slice(0, at) + put + sample.slice(at + cut));
        } catch (error) {
          refused += 1;
          expect(KxError.is(error) && error.code).toBe("KX_LINUX_MOUNTINFO");
        }
      }),
      { numRuns: 2000 },
    );
    expect(refused).toBeGreaterThan(100);
  });

  it("names the line it refuses", () => {
    expect(() => parseMountInfo("36 35 98:0 / / rw - ext3 a rw\nnonsense\n")).toThrow(
      /KX_LINUX_MOUNTINFO.*line 2.*nonsense/,
    );
  });

  it.runIf(process.platform === "linux")("reads this process's own", async () => {
    expect((await readMountInfo()).some((mount) => mount.mountPoint === "/")).toBe(true);
  });
});
