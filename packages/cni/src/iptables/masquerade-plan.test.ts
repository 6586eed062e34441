import { describe, expect, it } from "vitest";
import { planMasqueradeAdd, planMasqueradeDelete } from "./masquerade-plan.ts";
import { readSaved } from "./rules.ts";

const owner = { network: "kxnet", containerId: "a", ifName: "eth0" };
const nameLength = 28;
const [first, second] = ["kxnet a eth0 1", "kxnet a eth1 1"];
const own = { owner, family: 4, addresses: ["10.1.0.2/16"], mark: first, isGone: () => false } as const;
const other = { ...own, owner: { ...owner, ifName: "eth1" }, addresses: ["10.1.0.3/16"], mark: second };

/** What iptables-save would print after these commands. */
function after(commands: readonly string[]) {
  const chains = commands.flatMap((line) => /^-N (\S+)/.exec(line)?.[1] ?? []).map((name) => `:${name} - [0:0]`);
  return readSaved([...chains, ...commands.filter((line) => line.startsWith("-A "))].join("\n"));
}

describe("masquerading by iptables", () => {
  const { commands } = planMasqueradeAdd(readSaved(""), own);
  const name = commands[0]?.slice(3) ?? "";

  it("makes a chain for a container, under the name that Go gives", () => {
    expect(name).toMatch(/^CNI-[0-9a-f]{24}$/);
    expect(name).toHaveLength(nameLength);
    expect(commands.slice(1).map((line) => line.replaceAll(name, "OWN").replace(/ -m comment .*"/, ""))).toEqual([
      "-A OWN -d 10.1.0.0/16 -j ACCEPT",
      "-A OWN ! -d 224.0.0.0/4 -j MASQUERADE",
      "-A POSTROUTING -s 10.1.0.2/32 -j OWN",
      "-A OWN -s 10.1.0.2/32",
    ]);
  });

  it("refuses an attachment that has it, and makes anew what was left behind", () => {
    expect(() => planMasqueradeAdd(after(commands), own)).toThrow(
      "[KX_CNI_INTERFACE] eth0 of a in kxnet is masqueraded already",
    );
    const left = planMasqueradeAdd(after(commands), { ...own, isGone: () => true }).commands;
    expect(left.slice(-commands.length)).toEqual(commands);
    expect(left.slice(1, 3)).toEqual([`-F ${name}`, `-X ${name}`]);
  });

  it("keeps the interfaces of a container apart in its chain", () => {
    const more = planMasqueradeAdd(after(commands), other).commands;
    expect(more.map((line) => line.replace(/ -m comment .*/, "").replaceAll(name, "OWN"))).toEqual([
      "-A POSTROUTING -s 10.1.0.3/32 -j OWN",
      "-A OWN -s 10.1.0.3/32",
    ]);
    const both = after([...commands, ...more]);
    for (const addresses of [[], ["10.1.0.3/16"]]) {
      const less = planMasqueradeDelete(both, { owner: other.owner, addresses }).commands;
      expect(less).toEqual(more.map((line) => line.replace("-A", "-D")));
    }
    const neither = { ...owner, ifName: "eth2" };
    expect(planMasqueradeDelete(both, { owner: neither, addresses: [] }).commands).toEqual([]);
    expect(planMasqueradeDelete(after(commands), { owner, addresses: [] }).commands).toContain(`-X ${name}`);
  });

  it("leaves alone what is not there", () => {
    expect(planMasqueradeDelete(readSaved(""), { owner, addresses: ["10.1.0.2/16"] }).commands).toEqual([]);
  });
});
