import { describe, expect, it } from "vitest";
import { lastOwnType } from "./attached.ts";

const list = (...plugins: readonly object[]) => JSON.stringify({ cniVersion: "1.1.0", name: "net", plugins });

describe("the plug-in of kx's that an attachment's DEL comes to last", () => {
  it.each([
    [
      "the first of a list",
      list({ type: "kx-bridge", ipam: { type: "kx-host-local" } }, { type: "kx-portmap" }),
      "kx-bridge",
    ],
    ["one that comes after another's", list({ type: "bridge" }, { type: "kx-portmap" }), "kx-portmap"],
    [
      "another's address management",
      list({ type: "bridge", ipam: { type: "kx-static" } }, { type: "kx-tuning" }),
      "kx-static",
    ],
    ["the one of an old configuration", JSON.stringify({ name: "net", type: "kx-ptp" }), "kx-ptp"],
    ["none", list({ type: "bridge", ipam: { type: "host-local" } }, { type: "kx-mine" }), undefined],
    ["none that can be known", "{", undefined],
  ])("is %s", (_, config, type) => {
    expect(lastOwnType(config)).toBe(type);
  });
});
