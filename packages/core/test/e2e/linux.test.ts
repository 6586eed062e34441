import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const program = fileURLToPath(new URL("programs/linux.ts", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "kx-linux-"));
afterAll(() => rmSync(folder, { recursive: true }));

let seen: Record<string, unknown> = {};
const mountsBefore = readFileSync("/proc/self/mountinfo", "utf8");
beforeAll(() => {
  // Mounts and links are made in namespaces that end with the program.
  const args = ["--mount", "--net", "--propagation", "private", process.execPath, program, folder];
  seen = JSON.parse(execFileSync("unshare", args, { encoding: "utf8", timeout: 60_000 }));
});

describe("@kx/core/linux, as root in namespaces of its own", () => {
  it("mounts, binds read-only, tells what is busy, and leaves nothing mounted", () => {
    expect(seen["mounts"]).toEqual({
      shown: [
        ["/tmp", "tmpfs", ["rw", "nosuid"], true],
        ["/bound", "tmpfs", expect.arrayContaining(["ro"]), true],
      ],
      write: ["KX_LINUX_SYSCALL", "EROFS"],
      busy: ["KX_LINUX_SYSCALL", "EBUSY"],
      undone: ["KX_LINUX_SYSCALL", "ENOENT"],
      left: 0,
    });
  });

  it("mounts, measures and unmounts a volume in the processes for calls that may hang", () => {
    expect(seen["bounded"]).toEqual({
      totalBytes: String(4 * 1024 ** 2),
      again: { syscall: "umount2", path: join(folder, "volume"), errno: "EINVAL" },
    });
  });

  it("opens beneath a folder only, and follows no link", () => {
    const refused = ["KX_LINUX_BENEATH", null];
    expect(seen["beneath"]).toEqual({
      made: "opened",
      refused: [refused, refused, refused, refused, refused, refused],
      missing: ["KX_LINUX_SYSCALL", "ENOENT"],
    });
    expect(readFileSync(join(folder, "root/sub/new"), "utf8")).toBe("made");
    expect(statSync(join(folder, "root/sub/new")).mode & 0o777).toBe(0o640);
  });

  it("locks a file once, and again when it is unlocked", () => {
    expect(seen["locks"]).toEqual([true, false, false, true]);
  });

  it("talks netlink in its own and in another network namespace, and always comes back", () => {
    const { own, other, ...rest } = seen["netlink"] as { own: number[]; other: number[] };
    expect(rest).toEqual({
      isElsewhere: true,
      isBack: true,
      failed: "Error: work failed",
      late: "EAGAIN",
      closed: "KX_LINUX_NETLINK_CLOSED",
    });
    // RTM_NEWLINK of each link that there is; a new namespace has a few from the kernel, lo at least.
    for (const types of [own, other]) {
      expect(types.length).toBeGreaterThan(0);
      expect(new Set(types)).toEqual(new Set([16]));
    }
    expect(seen["isUnshared"]).toBe(true);
  });

  it("changed nothing outside", () => {
    expect(readFileSync("/proc/self/mountinfo", "utf8")).toBe(mountsBefore);
  });
});
