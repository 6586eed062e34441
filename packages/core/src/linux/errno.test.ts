import { statSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { KxError } from "../error.ts";
import { errnoName, fromNodeError, syscallError } from "./errno.ts";

describe.runIf(process.platform === "linux")("errors of system calls", () => {
  it.each([
    [2, "ENOENT"],
    [11, "EAGAIN"],
    [95, "EOPNOTSUPP"],
    [117, "EUCLEAN"],
    [4095, "errno 4095"],
  ])("are named: %d is %s", (errno, name) => {
    expect(errnoName(errno)).toBe(name);
  });

  it("tell call, path, name and meaning, what root is needed for, and what may pass", () => {
    expect(syscallError("umount2", 16, { path: "/a" })).toMatchObject({
      message: "[KX_LINUX_SYSCALL] umount2 /a: EBUSY (resource busy or locked)",
      retryable: true,
      details: { syscall: "umount2", path: "/a", errno: "EBUSY" },
    });
    expect(syscallError("setns", 1)).toMatchObject({ retryable: false, remedy: expect.stringContaining("root") });
  });

  it("are made of Node's, and of nothing else", () => {
    expect(() => {
      try {
        statSync("/nonexistent/file");
      } catch (error) {
        throw fromNodeError(error);
      }
    }).toThrow("[KX_LINUX_SYSCALL] stat /nonexistent/file: ENOENT");
    const own = new KxError("KX_LINUX_BENEATH", "x");
    expect(fromNodeError(own)).toBe(own);
    expect(fromNodeError(new TypeError("a bug")).code).toBe("KX_CORE_UNEXPECTED");
  });
});
