import type { ConformanceCase } from "../case.ts";
import { refused, succeeded } from "../failure.ts";

const needs = ["controller CREATE_DELETE_VOLUME"] as const;
const maxBytes = 128;

/** D6: strings have at most 128 bytes and maps 4 KiB, unless the specification says otherwise. */
export const fieldSizeCases: readonly ConformanceCase[] = [
  {
    id: "D6.longest-name",
    title: "a name of 128 bytes is taken",
    needs,
    async run({ volume, name }) {
      await volume({ name: name().padEnd(maxBytes, "n") });
    },
  },
  {
    id: "D6.long-name",
    title: "a name of more than 128 bytes is refused",
    needs,
    async run({ calls, volumeRequest, name }) {
      const call = calls.controller.createVolume(volumeRequest({ name: name().padEnd(maxBytes + 1, "n") }));
      await refused(call, ["INVALID_ARGUMENT"], "CreateVolume with a name of 129 bytes");
    },
  },
  {
    id: "D6.control-characters",
    title: "a name with control characters is refused",
    needs,
    async run({ calls, volumeRequest, name }) {
      const call = calls.controller.createVolume(volumeRequest({ name: `${name()}\u0000\u0007` }));
      await refused(call, ["INVALID_ARGUMENT"], "CreateVolume with control characters in its name");
    },
  },
  {
    id: "D6.long-parameters",
    title: "parameters of more than 4 KiB are refused",
    needs,
    async run({ calls, volumeRequest }) {
      const long = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`kx-${index}`, "x".repeat(100)]));
      const call = calls.controller.createVolume(volumeRequest({ parameters: long }));
      await refused(call, ["INVALID_ARGUMENT"], "CreateVolume with parameters of 5 KiB");
    },
  },
  {
    id: "D6.long-id",
    title: "an id of 128 bytes is taken, and one of 10,000 is refused",
    needs,
    async run({ calls }) {
      const call = calls.controller.deleteVolume({ volumeId: "v".repeat(maxBytes) });
      await succeeded(call, "DeleteVolume of an id of 128 bytes");
      const long = calls.controller.deleteVolume({ volumeId: "v".repeat(10_000) });
      await refused(long, ["INVALID_ARGUMENT"], "DeleteVolume of an id of 10,000 bytes");
    },
  },
];
