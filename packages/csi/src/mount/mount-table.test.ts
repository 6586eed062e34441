import { parseMountInfo } from "@kx/core/linux";
import { describe, expect, it } from "vitest";
import { isSamePlace, mountAtPath, placeOf } from "./mount-table.ts";

const mounts = parseMountInfo(
  [
    "1 0 8:1 / / rw - ext4 /dev/sda1 rw",
    "2 1 8:2 / /data rw - ext4 /dev/sda2 rw",
    "3 1 8:2 /volumes/v1 /pods/a rw - ext4 /dev/sda2 rw",
    "4 1 8:1 /database /pods/b rw - ext4 /dev/sda1 rw",
    "5 4 0:9 / /pods/b rw - tmpfs kx rw",
    "6 1 0:5 /loop0 /pods/device rw - devtmpfs udev rw",
  ].join("\n"),
);

describe("the table of mounts", () => {
  it("shows the uppermost mount at a path", () => {
    expect(mountAtPath(mounts, "/pods/b")?.id).toBe(5);
    expect(mountAtPath(mounts, "/pods")).toBeUndefined();
  });

  it("tells which part of which file system a path is", () => {
    expect(placeOf(mounts, "/data/volumes/v1")).toEqual({ major: 8, minor: 2, root: "/volumes/v1" });
    expect(placeOf(mounts, "/data")).toEqual({ major: 8, minor: 2, root: "/" });
    expect(placeOf(mounts, "/database/x")).toEqual({ major: 8, minor: 1, root: "/database/x" });
    expect(placeOf(mounts, "/")).toEqual({ major: 8, minor: 1, root: "/" });
    expect(placeOf(mounts, "/pods/a/sub")).toEqual({ major: 8, minor: 2, root: "/volumes/v1/sub" });
    expect(placeOf(mounts, "/pods/b/sub")).toEqual({ major: 0, minor: 9, root: "/sub" });
    expect(placeOf([], "/x")).toBeUndefined();
  });

  it("finds a bound folder by its place", () => {
    const place = placeOf(mounts, "/data/volumes/v1");
    expect(mounts.filter((mount) => isSamePlace(mount, place)).map(({ mountPoint }) => mountPoint)).toEqual([
      "/pods/a",
    ]);
  });
});
