import { describe, expect, it } from "vitest";
import { planMount } from "./mount-plan.ts";

const base = { source: "/dev/sda", target: "/t", type: "ext4" };

describe("planMount", () => {
  it("gives the kernel its flags, and the file system its own options", () => {
    expect(planMount({ ...base, options: ["ro", "noatime", "discard", "errors=continue", "defaults"] })).toEqual([
      { ...base, flags: 0x401, data: "discard,errors=continue" },
    ]);
  });

  it("binds first and makes it read-only then, since the kernel does not do both", () => {
    const bind = { source: "/a", target: "/b", type: "" };
    expect(planMount({ source: "/a", target: "/b", options: ["rbind", "ro", "nosuid"] })).toEqual([
      { ...bind, flags: 0x5000, data: "" },
      { ...bind, flags: 0x1023, data: "" },
    ]);
    expect(planMount({ source: "/a", target: "/b", options: ["bind"] })).toHaveLength(1);
  });

  it("sets propagation in a call of its own, alone if there is nothing to mount", () => {
    expect(planMount({ ...base, options: ["rshared"] }).map((call) => call.flags)).toEqual([0, 0x104000]);
    expect(planMount({ source: "", target: "/t", options: ["rprivate"] }).map((call) => call.flags)).toEqual([0x44000]);
  });

  it("remounts in one call, and lets the last of two opposites win", () => {
    expect(planMount({ source: "", target: "/t", options: ["remount", "bind", "ro"] })).toMatchObject([
      { flags: 0x1021 },
    ]);
    expect(planMount({ ...base, options: ["ro", "rw"] })).toMatchObject([{ flags: 0 }]);
    expect(planMount({ ...base, options: ["rw", "ro"] })).toMatchObject([{ flags: 1 }]);
  });

  it.each([[["a\0b"]], [[""]], [["x".repeat(5000)]]])("refuses %j", (options) => {
    expect(() => planMount({ ...base, options })).toThrow("KX_LINUX_MOUNT_OPTIONS");
  });
});
