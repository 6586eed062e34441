import { describe, expect, it } from "vitest";
import { type BandwidthConfig, readLimits } from "./config.ts";
import { ifbName } from "./data-path.ts";

const read = (own: BandwidthConfig, asked?: BandwidthConfig) =>
  readLimits({
    cniVersion: "1.1.0",
    name: "kxnet",
    type: "kx-bandwidth",
    ...own,
    ...(asked === undefined ? {} : { runtimeConfig: { bandwidth: asked } }),
  });

describe("the limits of kx-bandwidth", () => {
  it("are in bytes, of each direction by itself, and the configuration's own before the runtime's", () => {
    const ingress = { ingressRate: 8008, ingressBurst: 16 };
    const egress = { egressRate: 80, egressBurst: 8 * (2 ** 32 - 1) - 1 };
    expect(read({}, ingress)).toEqual({ ingress: { bytesPerSecond: 1001, burstBytes: 2 } });
    expect(read({}, egress)).toEqual({ egress: { bytesPerSecond: 10, burstBytes: 2 ** 32 - 2 } });
    expect(read(egress, ingress)).toEqual(read({}, egress));
    expect([read({}), read({}, { ingressRate: 0, ingressBurst: 0 })]).toEqual([{}, {}]);
  });

  it.each([
    [{ ingressRate: 8 }, "ingressBurst is needed with ingressRate"],
    [{ egressBurst: 8 }, "egressRate is needed with egressBurst"],
    [{ egressRate: 8, egressBurst: 8 * (2 ** 32 - 1) }, "egressBurst must be less than 4 GiB"],
    [{ egressRate: 8, egressBurst: 7 }, "egressBurst must be 8 bits or more"],
    [{ ingressRate: 7, ingressBurst: 8 }, "ingressRate must be 8 bits per second or more"],
  ])("%j: %s", (wrong, expected) => {
    expect(() => read(wrong)).toThrow(`wrong: ${expected}`);
    expect(() => read({}, wrong)).toThrow("wrong: runtimeConfig.bandwidth.");
  });

  it("are kept by an interface that has the Go plug-in's name", () => {
    // sha512("cni-net" + "0123456789").
    expect(ifbName({ network: "cni-net", containerId: "0123456789", ifName: "eth0" })).toBe("bwp5655bed975da");
  });
});
