import { describe, expect, it } from "vitest";
import { readEnvironment } from "./environment.ts";

const add = {
  CNI_COMMAND: "ADD",
  CNI_CONTAINERID: "a1",
  CNI_NETNS: "/run/netns/a1",
  CNI_IFNAME: "eth0",
  CNI_PATH: "/opt/cni/bin:/opt/other",
};

describe("readEnvironment", () => {
  it("reads what is set", () => {
    const env = { ...add, CNI_ARGS: "IgnoreUnknown=1;K8S_POD_NAME=web;EQ=a=b;", CNI_NETNS_OVERRIDE: "TRUE" };
    expect(readEnvironment(env)).toEqual({
      command: "ADD",
      containerId: "a1",
      ifName: "eth0",
      netns: "/run/netns/a1",
      args: { IgnoreUnknown: "1", K8S_POD_NAME: "web", EQ: "a=b" },
      path: ["/opt/cni/bin", "/opt/other"],
      netnsOverride: true,
      env,
    });
  });

  it.each([
    ["ADD", ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH"]],
    ["CHECK", ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH"]],
    ["DEL", ["CNI_CONTAINERID", "CNI_IFNAME", "CNI_PATH"]],
    ["GC", ["CNI_PATH"]],
    ["STATUS", ["CNI_PATH"]],
    ["", ["CNI_COMMAND"]],
  ])("names every variable that %s misses in one error", (CNI_COMMAND, missing) => {
    const call = () => readEnvironment({ CNI_COMMAND });
    expect(call).toThrow(missing.map((name) => `${name} is missing`).join("; "));
  });

  it("names what is missing and what is wrong together", () => {
    const env = { CNI_COMMAND: "ADD", CNI_CONTAINERID: "../a", CNI_IFNAME: "a/b", CNI_PATH: "/x", CNI_ARGS: "IP" };
    expect(() => readEnvironment(env)).toThrow(
      /CNI_CONTAINERID is "\.\.\/a".*CNI_NETNS is missing.*CNI_IFNAME is "a\/b".*CNI_ARGS has "IP", not KEY=value/,
    );
  });

  it.each(["", ".", "..", "a/b", "a:b", "a b", "sixteen-letters-", "äääääääö"])(
    "refuses the interface name %j",
    (name) => {
      expect(() => readEnvironment({ ...add, CNI_IFNAME: name })).toThrow("CNI_IFNAME");
    },
  );

  it.each(["", "-a", ".a", "a/b", "a b", "ä"])("refuses the container id %j", (id) => {
    expect(() => readEnvironment({ ...add, CNI_CONTAINERID: id })).toThrow("CNI_CONTAINERID");
  });

  it.each(["fifteen-letters", "eth0", "a.b", "..."])("takes the interface name %j", (name) => {
    expect(readEnvironment({ ...add, CNI_IFNAME: name }).ifName).toBe(name);
  });

  it("does not look at variables that a command does not use", () => {
    const env = { CNI_COMMAND: "GC", CNI_PATH: "/x", CNI_CONTAINERID: "..", CNI_IFNAME: "a/b" };
    expect(readEnvironment(env).command).toBe("GC");
  });

  it.each([
    ["1", true],
    ["true", true],
    ["0", false],
    ["yes", false],
  ])("takes CNI_NETNS_OVERRIDE=%s for %s", (value, is) => {
    expect(readEnvironment({ ...add, CNI_NETNS_OVERRIDE: value }).netnsOverride).toBe(is);
  });
});
