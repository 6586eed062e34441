// @kx/csi/mount as root, in a mount namespace of its own.
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loopsOf } from "../support/driver-process.ts";

const run = promisify(execFile);
const program = join(import.meta.dirname, "programs/mount.ts");
const folder = mkdtempSync(join(tmpdir(), "kx-csi-mount-"));
let seen: Record<string, unknown> = {};

beforeAll(async () => {
  const args = ["--mount", "--propagation", "private", process.execPath, program, folder];
  const { stdout } = await run("unshare", args, { timeout: 110_000 });
  seen = JSON.parse(stdout) as Record<string, unknown>;
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("@kx/csi/mount", () => {
  it("binds folders and files, once, also read-only, and never over something else", () => {
    expect(seen["binding"]).toEqual({
      mounts: 1,
      seen: "text",
      other: ["KX_CSI_MOUNT_TARGET"],
      readOnlyThen: ["KX_CSI_MOUNT_TARGET"],
      write: "EROFS",
      options: ["ro", "noexec"],
      uses: ["/bound", "/bound-ro"],
      file: "content",
      isRemoved: [false, false, false],
    });
  });

  it("ends half-made targets, and removes nothing that holds something", () => {
    expect(seen["halfMade"]).toEqual({
      results: {
        made: "done",
        file: "done",
        twice: "done",
        missing: "done",
        missingParent: "done",
        full: ["KX_LINUX_SYSCALL", "ENOTEMPTY"],
        fullFile: ["KX_LINUX_SYSCALL", "ENOTEMPTY"],
      },
      left: [],
      kept: [["somebody's"], "content"],
      staged: true,
      mounted: [],
    });
  });

  it("formats an empty device once, keeps what is on it, and grows it", () => {
    expect(seen["devices"]).toEqual({
      isSame: true,
      before: { kind: "empty" },
      asXfs: ["KX_CSI_DEVICE_CONTENT"],
      isGrown: true,
      kept: "text",
      write: "EROFS",
      loops: ["false", "true"],
      grown: true,
      left: [],
    });
  });

  it("formats nothing of which it is not known that it is empty", () => {
    const refused = ["KX_CSI_DEVICE_CONTENT"];
    expect(seen["occupied"]).toEqual({
      garbage: refused,
      atTheEnd: refused,
      xfs: refused,
      partitions: refused,
      luks: refused,
      lvm: refused,
    });
  });

  it("gives up a call that hangs, shows it, and keeps other volumes going", () => {
    expect(seen["hung"]).toEqual({
      first: ["KX_LINUX_CALL_HUNG"],
      shown: [["statfs", "/fuse"]],
      sameVolume: ["KX_LINUX_CALL_HUNG"],
      otherVolume: "folder",
      stillHung: 0,
      isStale: true,
      isBoundStale: false,
      isRemoved: true,
    });
  });

  it("mounts below the kubelet's folder only, while a thread swaps a folder for a link", () => {
    expect(seen["confined"]).toEqual({
      results: {
        outside: ["KX_CSI_MOUNT_TARGET"],
        upwards: ["KX_CSI_MOUNT_TARGET"],
        throughLink: ["KX_LINUX_BENEATH"],
        within: "done",
        again: "done",
      },
      options: true,
      race: { isTried: true, outside: [], hasSwapped: true },
      left: [],
    });
  });

  it("leaves no mount and no loop device", async () => {
    expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(folder);
    expect(await loopsOf(folder)).toEqual([]);
  });
});
