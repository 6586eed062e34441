import { create } from "@bufbuild/protobuf";
import { VolumeHealthErrorType, VolumeHealthSchema } from "@kx/core/contracts/csi";
import { expect, it } from "vitest";
import { findingOf, newsOf } from "./findings.ts";

const health = (...told: readonly (readonly [reason: string, message: string])[]) =>
  create(VolumeHealthSchema, {
    volumeId: "v",
    healthStatuses: told.map(([reason, message]) => ({ status: VolumeHealthErrorType.DEGRADED, reason, message })),
  });

it("tells all that is wrong in one sentence, and nothing of what is well", () => {
  expect(findingOf(undefined)).toBeUndefined();
  expect(findingOf(health())).toBeUndefined();
  expect(findingOf(health(["DiskFull", "1% is free"], ["", "slow"]))).toBe("DiskFull: 1% is free; slow");
});

it("tells bad news each time, good news once", () => {
  expect(newsOf("DiskFull", undefined)).toBe("abnormal");
  expect(newsOf("DiskFull", "DiskFull")).toBe("abnormal");
  expect(newsOf(undefined, "DiskFull")).toBe("recovered");
  expect(newsOf(undefined, undefined)).toBe("none");
});
