import { describe, expect, it } from "vitest";
import { binDirs, confDir, runtimeOptions, targetOf, validOf } from "./settings.ts";

const failure = (code: string, text: RegExp) => expect.objectContaining({ code, message: expect.stringMatching(text) });

describe("folders", () => {
  it("are those of the flags, else of the variables, else the usual ones", () => {
    expect(binDirs({ binDir: ["/a", "/b"] }, { CNI_PATH: "/c" })).toEqual(["/a", "/b"]);
    expect(binDirs({}, { CNI_PATH: "/c::/d" })).toEqual(["/c", "/d"]);
    expect(binDirs({}, { CNI_PATH: "" })).toEqual(["/opt/cni/bin"]);
    expect(confDir({ confDir: "/a" }, { NETCONFPATH: "/b" })).toBe("/a");
    expect(confDir({}, { NETCONFPATH: "/b" })).toBe("/b");
    expect(confDir({}, { NETCONFPATH: "" })).toBe("/etc/cni/net.d");
  });

  it("go to the runtime with the bound of time in milliseconds", () => {
    const env = { CNI_PATH: "/c" };
    expect(runtimeOptions({ cacheDir: "/d", timeout: 1.5 }, env)).toEqual({
      path: ["/c"],
      env,
      cacheDir: "/d",
      timeoutMs: 1500,
    });
    expect(runtimeOptions({}, env)).toEqual({ path: ["/c"], env });
  });
});

describe("what is attached", () => {
  it("has cnitool's id and interface if nothing else is said", () => {
    // printf /run/netns/pod | sha512sum | cut -c1-20
    expect(targetOf("/run/netns/pod", {}, {})).toEqual({
      netns: "/run/netns/pod",
      containerId: "cnitool-9539caf00070aeae0bd6",
      ifName: "eth0",
    });
  });

  it("is what the variables of cnitool say, and flags before them", () => {
    const env = { CNI_IFNAME: "net1", CNI_ARGS: "A=b;C=d=e", CAP_ARGS: '{"mac":"0a:00:00:00:00:01"}' };
    expect(targetOf("/a", { containerId: "c" }, env)).toEqual({
      netns: "/a",
      containerId: "c",
      ifName: "net1",
      args: { A: "b", C: "d=e" },
      capabilityArgs: { mac: "0a:00:00:00:00:01" },
    });
    const flags = { containerId: "c", ifName: "net2", args: "F=g", capArgs: "{}" };
    expect(targetOf("/a", flags, env)).toEqual({
      netns: "/a",
      containerId: "c",
      ifName: "net2",
      args: { F: "g" },
      capabilityArgs: {},
    });
  });

  it.each([
    [{ args: "A" }, {}, /--args has "A", not KEY=value/],
    [{}, { CNI_ARGS: "=b" }, /CNI_ARGS has "=b", not KEY=value/],
    [{ capArgs: "[]" }, {}, /--cap-args is no JSON object/],
    [{}, { CAP_ARGS: "{" }, /CAP_ARGS is no JSON object/],
  ])("is refused with %j and %j", (flags, env, text) => {
    expect(() => targetOf("/a", flags, env)).toThrow(failure("KX_CLI_CNI", text));
  });
});

describe("what is in use", () => {
  it("is what is listed, nothing, or not said", () => {
    const valid = ["a/eth0", "b/net1"];
    expect(validOf({ valid })).toEqual([
      { containerID: "a", ifname: "eth0" },
      { containerID: "b", ifname: "net1" },
    ]);
    expect(validOf({ all: true })).toEqual([]);
    expect(validOf({})).toBeUndefined();
  });

  it.each(["a", "a/", "/eth0", "a/b/c"])("is refused as %s", (text) => {
    expect(() => validOf({ valid: [text] })).toThrow(failure("KX_CLI_CNI", /names no attachment/));
  });
});
