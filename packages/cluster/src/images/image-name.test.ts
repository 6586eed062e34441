import { KxError } from "@kx/core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatImageName, parseImageName } from "./image-name.ts";

describe("parseImageName", () => {
  it.each([
    ["nginx", "docker.io/library/nginx:latest"],
    ["nginx:1.27", "docker.io/library/nginx:1.27"],
    ["bitnami/redis", "docker.io/bitnami/redis:latest"],
    ["localhost/pause:1", "localhost/pause:1"],
    ["registry.example:5000/a/b-c__d:v1.2_3", "registry.example:5000/a/b-c__d:v1.2_3"],
    ["docker.io/library/nginx:latest", "docker.io/library/nginx:latest"],
  ])("completes %s to %s", (short, full) => {
    expect(formatImageName(parseImageName(short))).toBe(full);
  });

  it.each([
    "",
    "Nginx",
    "a//b",
    "a/../b",
    "nginx:",
    "nginx:-x",
    "a b",
    "nginx@sha256:00",
    "-host.x/a",
    "x/a:b:c",
    "/a",
  ])("refuses %j", (name) => {
    expect(() => parseImageName(name)).toThrow(expect.objectContaining({ code: "KX_CLUSTER_IMAGE_SPEC" }));
  });

  it("is stable under its own output and fails only with its own error", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom("a", "b", "A", "0", ".", "/", ":", "@", "-", "_", " ", "é") }),
        (text) => {
          try {
            const full = formatImageName(parseImageName(text));
            expect(formatImageName(parseImageName(full))).toBe(full);
          } catch (error) {
            expect(KxError.is(error)).toBe(true);
          }
        },
      ),
    );
  });
});
