import { describe, expect, it } from "vitest";
import { readSaved } from "../iptables/rules.ts";
import type { HostPort } from "../net/host-ports-table.ts";
import {
  byFamily,
  type IptablesPorts,
  planPortsAdd,
  planPortsDelete,
  portRules,
  portsChain,
  sharedRules,
} from "./iptables-plan.ts";

const owner = { network: "kxnet", containerId: "a", ifName: "eth0" };
const web: HostPort = { hostPort: 8080, containerPort: 80, protocol: "tcp" };
const request: IptablesPorts = {
  owner,
  netns: "/n",
  addresses: ["10.1.0.2/16"],
  ports: [web],
  family: 4,
  conditions: [],
  markBit: 13,
};
const chain = portsChain(owner);
const shown = (more: Partial<IptablesPorts>) =>
  portRules({ ...request, ...more }).map(({ args }) =>
    args.join(" ").replace(/-m comment --comment .* -m multi/, "-m multi"),
  );

describe("ports by iptables", () => {
  it("mark what must come back by the node, then translate", () => {
    expect(chain).toMatch(/^CNI-DN-[0-9a-f]{21}$/);
    expect(shown({})).toEqual([
      "-p tcp --dport 8080 -s 10.1.0.0/16 -j CNI-HOSTPORT-SETMARK",
      "-p tcp --dport 8080 -s 127.0.0.1 -j CNI-HOSTPORT-SETMARK",
      "-p tcp --dport 8080 -j DNAT --to-destination 10.1.0.2:80",
      `-m multiport -p tcp --destination-ports 8080 -j ${chain}`,
    ]);
    expect(shown({ family: 6, addresses: ["fd00::2/64"], masqueradeAll: true, setMarkChain: "OTHERS" })).toEqual([
      "-p tcp --dport 8080 -s ::/0 -j OTHERS",
      "-p tcp --dport 8080 -j DNAT --to-destination [fd00::2]:80",
      `-m multiport -p tcp --destination-ports 8080 -j ${chain}`,
    ]);
  });

  it("are led to in groups of 15, under conditions, by the node's addresses of the family", () => {
    const many = Array.from({ length: 16 }, (_, at) => ({ ...web, hostPort: 1 + at }));
    const entries = shown({ ports: many, conditions: ["!", "-d", "10.0.0.0/8"] }).filter((text) =>
      text.startsWith("-m"),
    );
    expect(entries).toEqual([
      `-m multiport -p tcp --destination-ports 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15 ! -d 10.0.0.0/8 -j ${chain}`,
      `-m multiport -p tcp --destination-ports 16 ! -d 10.0.0.0/8 -j ${chain}`,
    ]);
    const ports = [
      { ...web, hostIp: "::1" },
      { ...web, hostIp: "192.0.2.1" },
    ];
    expect(shown({ ports, masquerade: false }).slice(0, -1)).toEqual([
      "-p tcp --dport 8080 -d 192.0.2.1 -j DNAT --to-destination 10.1.0.2:80",
    ]);
    expect(byFamily({ ...request, addresses: ["fd00::2/64"] }, () => ({})).map(({ family }) => family)).toEqual([6]);
  });

  it("share chains for the mark unless somebody else sets it, or nobody needs it", () => {
    expect(sharedRules({ ...request, markBit: 31 }).rules[0]?.args.at(-1)).toBe("0x80000000/0x80000000");
    for (const more of [{ setMarkChain: "OTHERS" }, { masquerade: false }]) {
      expect(sharedRules({ ...request, ...more }).chains).toEqual(["CNI-HOSTPORT-DNAT"]);
    }
  });

  it("are one interface's, until its container is gone", () => {
    const mark = (ifName: string) => `-A ${chain} -s 10.1.0.2/32 -m comment --comment "kx kxnet a ${ifName} 1"`;
    const saved = (ifName: string) =>
      readSaved(`:${chain} - [0:0]\n-A CNI-HOSTPORT-DNAT -p tcp -j ${chain}\n${mark(ifName)}\n`);
    const add = (ifName: string, isGone: boolean) =>
      planPortsAdd(saved(ifName), { ...request, mark: "kxnet a eth0 2", isGone: () => isGone });
    expect(() => add("eth0", false)).toThrow("eth0 of a in kxnet has its ports already");
    expect(() => add("eth1", false)).toThrow("another interface has them");
    expect(add("eth1", true).commands.slice(0, 4)).toEqual([
      `-D CNI-HOSTPORT-DNAT -p tcp -j ${chain}`,
      `-F ${chain}`,
      `-X ${chain}`,
      `-N ${chain}`,
    ]);
    expect(planPortsDelete(saved("eth1"), owner).commands).toEqual([]);
    expect(planPortsDelete(saved("eth0"), owner).commands).toHaveLength(3);
    expect(planPortsDelete(readSaved(""), owner).commands).toEqual([]);
  });
});
