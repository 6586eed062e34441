import { describe, expect, it } from "vitest";
import { type PtpAttach, planContainerEnd, planHostEnd } from "./data-path.ts";

const plan = (addresses: PtpAttach["addresses"], routes: PtpAttach["routes"] = []) => {
  const owner = { network: "kxnet", containerId: "a", ifName: "eth0" };
  const request = { owner, netns: "/run/netns/a", addresses, routes };
  const texts = (requests: ReturnType<typeof planHostEnd>) => requests.map(({ what }) => what);
  return { container: texts(planContainerEnd(2, request)), host: texts(planHostEnd(3, request)) };
};

describe("the plan of a pair", () => {
  it("sends all but the router by the router, which is the host's end", () => {
    const addresses = [
      { address: "10.1.0.5/24", gateway: "10.1.0.1" },
      { address: "fd00::5/64", gateway: "fd00::1" },
    ];
    expect(plan(addresses, [{ dst: "0.0.0.0/0" }])).toEqual({
      container: [
        "give 10.1.0.5/24 to the link 2",
        "give fd00::5/64 to the link 2",
        "set up eth0 in /run/netns/a",
        "add the route 10.1.0.1/32 at the link 2",
        "add the route fd00::1/128 at the link 2",
        "add the route 10.1.0.0/24 via 10.1.0.1 at the link 2",
        "add the route fd00::/64 via fd00::1 at the link 2",
        "add the route 0.0.0.0/0 via 10.1.0.1 at the link 2",
      ],
      host: [
        "give 10.1.0.1/32 to the link 3",
        "give fd00::1/128 to the link 3",
        "add the route 10.1.0.5/32 at the link 3",
        "add the route fd00::5/128 at the link 3",
      ],
    });
  });

  it("has each router and subnet once, and no subnet of a single address", () => {
    const gateway = "169.254.1.1";
    const addresses = ["10.1.0.5/32", "10.2.0.5/24", "10.2.0.6/24"].map((address) => ({ address, gateway }));
    const { container, host } = plan(addresses);
    expect(container.filter((what) => what.includes("route"))).toEqual([
      "add the route 169.254.1.1/32 at the link 2",
      "add the route 10.2.0.0/24 via 169.254.1.1 at the link 2",
    ]);
    expect(host).toEqual([
      "give 169.254.1.1/32 to the link 3",
      ...["10.1.0.5/32", "10.2.0.5/32", "10.2.0.6/32"].map((address) => `add the route ${address} at the link 3`),
    ]);
  });
});
