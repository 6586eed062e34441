import { describe, expect, it } from "vitest";
import { readSaved } from "../iptables/rules.ts";
import { planFirewallAdd, planFirewallCollect, planFirewallDelete, sharedRules } from "./iptables-plan.ts";

const owner = { network: "kxnet", containerId: "a", ifName: "eth0" };
const request = {
  owner,
  netns: "/n",
  addresses: ["10.1.0.2/16"],
  policy: "open",
  family: 4,
  adminChain: "CNI-ADMIN",
  mark: "kxnet a eth0 1",
  isGone: () => false,
} as const;
const saved = readSaved(`:CNI-FORWARD - [0:0]
-A CNI-FORWARD -m comment --comment "CNI firewall plugin admin overrides" -j CNI-ADMIN
-A CNI-FORWARD -d 10.1.0.2/32 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A CNI-FORWARD -s 10.1.0.2/32 -j ACCEPT
-A CNI-FORWARD -s 10.1.0.3/32 -j ACCEPT
-A CNI-KX-OWNERS -s 10.1.0.2/32 -m comment --comment "kx kxnet a eth0 1"
`);
const removed = [
  "-D CNI-FORWARD -d 10.1.0.2/32 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
  "-D CNI-FORWARD -s 10.1.0.2/32 -j ACCEPT",
  '-D CNI-KX-OWNERS -s 10.1.0.2/32 -m comment --comment "kx kxnet a eth0 1"',
];

describe("a firewall by iptables", () => {
  it("lets an address through, and says whose it is", () => {
    expect(planFirewallAdd(readSaved(""), request).commands).toEqual([
      "-A CNI-FORWARD -d 10.1.0.2/32 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
      "-A CNI-FORWARD -s 10.1.0.2/32 -j ACCEPT",
      '-A CNI-KX-OWNERS -s 10.1.0.2/32 -m comment --comment "kx kxnet a eth0 1"',
    ]);
    expect(() => planFirewallAdd(saved, request)).toThrow("eth0 of a in kxnet is let through already");
  });

  it("takes an address over that was given away anew, and leaves it alone then", () => {
    const next = { ...request, owner: { ...owner, containerId: "b" }, mark: "kxnet b eth0 2" };
    expect(planFirewallAdd(saved, next).commands.slice(0, 3)).toEqual(removed);
    expect(planFirewallDelete(saved, next.owner, ["10.1.0.2/16"]).commands).toEqual([]);
    expect(planFirewallDelete(saved, owner, []).commands).toEqual(removed);
    // What Go has made says nothing of its owner.
    expect(planFirewallDelete(saved, owner, ["10.1.0.3/16"]).commands).toContain(
      "-D CNI-FORWARD -s 10.1.0.3/32 -j ACCEPT",
    );
    expect(planFirewallCollect(saved, () => true).commands).toEqual(removed);
    expect(planFirewallCollect(saved, () => false).commands).toEqual([]);
  });

  it("puts what drops before what accepts", () => {
    const { rules } = sharedRules({ ...request, policy: "isolated", bridge: "kx0" });
    const first = rules.filter((rule) => rule.first).map(({ chain, args }) => `${chain} ${args.join(" ")}`);
    expect(first.map((text) => text.replace(/ -m comment --comment [^-]*/, " "))).toEqual([
      "FORWARD -j CNI-FORWARD",
      "CNI-FORWARD -j CNI-ADMIN",
      expect.stringMatching(/^FORWARD -j CNI-ISOLATION-STAGE-1/),
      expect.stringMatching(/^CNI-ISOLATION-STAGE-1 -i kx0 ! -o kx0 -j CNI-ISOLATION-STAGE-2/),
      expect.stringMatching(/^CNI-ISOLATION-STAGE-1 -i kx0 -o kx0 -j DROP/),
      expect.stringMatching(/^CNI-ISOLATION-STAGE-2 -o kx0 -j DROP/),
    ]);
  });
});
