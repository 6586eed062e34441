import { describe, expect, it } from "vitest";
import { countedFacts, describeLeak, diffSnapshots, type HostSnapshot, type LeakKind } from "./host-snapshot.ts";

function snapshot(facts: Partial<Record<LeakKind, Record<string, string>>>): HostSnapshot {
  const kinds: LeakKind[] = ["process", "mount", "link", "setting", "cgroup"];
  return {
    scope: {},
    facts: new Map(kinds.map((kind) => [kind, new Map(Object.entries(facts[kind] ?? {}))])),
    skipped: new Map(),
  };
}

describe("diffSnapshots", () => {
  it("finds nothing between equal snapshots", () => {
    const one = { process: { "1": "a" }, setting: { "kernel.panic": "0" } };
    expect(diffSnapshots(snapshot(one), snapshot(one))).toEqual([]);
  });

  it("reports what is new, what changed, and what the machine lost", () => {
    const before = snapshot({ link: { eth0: "index 2", eth1: "index 3" }, setting: { "kernel.panic": "0" } });
    const after = snapshot({ link: { eth0: "index 9", kx0: "index 4" }, setting: { "kernel.panic": "10" } });
    expect(diffSnapshots(before, after).map(describeLeak)).toEqual([
      "changed link eth0: index 2 -> index 9",
      "added link kx0: index 4",
      "removed link eth1: index 3",
      "changed setting kernel.panic: 0 -> 10",
    ]);
  });

  it("does not mind that processes and cgroups end, nor that a module brings settings", () => {
    const before = snapshot({ process: { "1": "a" }, cgroup: { "/kx1": "" } });
    expect(diffSnapshots(before, snapshot({ setting: { "net.bridge.x": "1" } }))).toEqual([]);
  });

  it("passes over kinds that either snapshot lacks", () => {
    const after = snapshot({ mount: { "/a": "tmpfs" } });
    expect(diffSnapshots({ ...snapshot({}), facts: new Map() }, after)).toEqual([]);
    expect(diffSnapshots(after, { ...snapshot({}), facts: new Map() })).toEqual([]);
  });
});

it("counts facts of the same name", () => {
  expect([
    ...countedFacts([
      ["/a", "x"],
      ["/a", "y"],
      ["/a", "z"],
    ]).keys(),
  ]).toEqual(["/a", "/a (2)", "/a (3)"]);
});
