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
    expect(read(egress, ingress)).toEqual({ egress: { bytesPerSecond: 10, burstBytes: 2 ** 32 - 2 } });
    expect([read({}), read({}, { ingressRate: 0, ingressBurst: 0 })]).toEqual([{}, {}]);
  });

  it("have a burst of their own where the runtime sends the greatest number, which nobody has asked for", () => {
    const none = 2 ** 32 - 1;
    const asked = { ingressRate: 10_000_000, ingressBurst: none, egressRate: 1000, egressBurst: none };
    const ingress = { bytesPerSecond: 1_250_000, burstBytes: 125_000 };
    expect(read({}, asked)).toEqual({ ingress, egress: { bytesPerSecond: 125, burstBytes: 65_536 } });
    expect(read({}, { ...asked, ingressBurst: 2 ** 31 - 1 }).ingress).toEqual(ingress);
    expect(read({}, { ...asked, ingressBurst: 2 ** 31 - 2 }).ingress?.burstBytes).toBe(2 ** 28 - 1);
    expect(() => read({}, { ingressBurst: none })).toThrow(
      "ingressRate is needed with runtimeConfig.bandwidth.ingressB",
    );
  });

  it("of 4 GiB and more are refused", () => {
    const wrong = { egressRate: 8, egressBurst: 8 * (2 ** 32 - 1) };
    expect(() => read(wrong)).toThrow("wrong: egressBurst must be less than 4 GiB");
  });

  it.each([
    [{ ingressRate: 8 }, "ingressBurst is needed with ingressRate"],
    [{ egressBurst: 8 }, "egressRate is needed with egressBurst"],
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
