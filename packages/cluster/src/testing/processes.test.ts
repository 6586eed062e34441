import { describe, expect, it } from "vitest";
import { type HostProcess, parseStat, processFacts, processNetworks, withoutTrees } from "./processes.ts";

const host = { pid: "pid:[1]", net: "net:[1]", mnt: "mnt:[1]" };

function aProcess(pid: number, more: Partial<HostProcess> = {}): HostProcess {
  return { pid, parent: 1, startTime: "7", state: "S", commandLine: `p${pid}`, namespaces: host, ...more };
}

it("parses a stat whose name is hostile", () => {
  const rest = Array.from({ length: 30 }, (_, i) => String(i + 4)).join(" ");
  expect(parseStat(`12 (a) S 1 (b) R 3 ${rest}`)).toEqual({
    name: "a) S 1 (b",
    state: "R",
    parent: 3,
    startTime: "21",
  });
});

describe("processFacts", () => {
  it("counts those in other namespaces and those with a marker", () => {
    const facts = processFacts(
      [
        aProcess(1),
        aProcess(2, { namespaces: { ...host, net: "net:[2]" } }),
        aProcess(3, { namespaces: { ...host, pid: "pid:[2]" } }),
        aProcess(4, { namespaces: { ...host, mnt: "mnt:[2]" } }),
        aProcess(5, { commandLine: "etcd --data-dir /state/x" }),
        aProcess(6, { namespaces: { ...host, mnt: "mnt:[2]" }, state: "Z" }),
      ],
      host,
      { markers: ["/state/"] },
    );
    expect([...facts.values()]).toEqual(["p2", "p3", "p4", "etcd --data-dir /state/x"]);
    expect([...facts.keys()][0]).toBe("2 (started at 7)");
  });

  it("counts by marker alone where namespaces may not be read", () => {
    const { namespaces: _, ...hidden } = aProcess(2, { commandLine: "x /state" });
    expect(processFacts([hidden], host, {}).size).toBe(0);
    expect(processFacts([hidden], host, { markers: ["/state"] }).size).toBe(1);
  });
});

it("leaves out whole trees", () => {
  const all = [aProcess(1, { parent: 0 }), aProcess(2), aProcess(3, { parent: 2 }), aProcess(4)];
  expect(withoutTrees(all, [2]).map(({ pid }) => pid)).toEqual([1, 4]);
  expect(withoutTrees(all, [])).toHaveLength(4);
});

it("names one process of each foreign network", () => {
  const there = { ...host, net: "net:[2]" };
  const networks = processNetworks(
    [aProcess(1), aProcess(2, { namespaces: there }), aProcess(3, { namespaces: there })],
    host,
  );
  expect([...networks]).toEqual([["net:[2]", "of process 2: p2"]]);
});
