import type { CommanderError } from "commander";
import { describe, expect, it } from "vitest";
import { type Actions, commandsOf, createProgram } from "./program.ts";

/** Parses a command line; answers what ran, with what, or how the command line was refused. */
async function parse(...argv: string[]): Promise<{ ran?: unknown[]; code?: number; error?: string }> {
  const ran: unknown[] = [];
  let code: number | undefined;
  let error = "";
  const act =
    (name: string) =>
    async (...args: unknown[]): Promise<number> => {
      ran.push(
        name,
        ...args.map((arg) => (Array.isArray(arg) ? [...arg] : typeof arg === "object" ? { ...arg } : arg)),
      );
      return 3;
    };
  const names = ["up", "down", "status", "logs", "kubectl", "load", "kubeconfig", "doctor", "demo"];
  const ofCni = [
    "add",
    "check",
    "del",
    "gc",
    "status",
    "version",
    "validate",
    "conformance",
    "install",
    "uninstall",
    "daemon",
  ];
  const cni = Object.fromEntries(ofCni.map((name) => [name, act(`cni ${name}`)]));
  const actions = {
    ...Object.fromEntries(names.map((name) => [name, act(name)])),
    cni,
    csi: { doctor: act("csi doctor"), sanity: act("csi sanity"), testdriver: act("csi testdriver") },
  } as unknown as Actions;
  const program = createProgram(actions, "1.2.3", (exit) => {
    code = exit;
  });
  for (const command of commandsOf(program)) {
    command
      .exitOverride()
      .configureOutput({ writeErr: (text) => (error += text), writeOut: (text) => (error += text) });
  }
  try {
    await program.parseAsync(argv, { from: "user" });
  } catch (thrown) {
    return { error, code: (thrown as CommanderError).exitCode };
  }
  return { ran, ...(code === undefined ? {} : { code }) };
}

describe("the command line", () => {
  it("hands the flags of up over, and only those that were given", async () => {
    expect(await parse("up")).toEqual({ ran: ["up", {}], code: 3 });
    const flags = [
      "--nodes",
      "2",
      "--dir",
      "/tmp/a",
      "--kubernetes-version",
      "1.36.0",
      "--host-network-route",
      "--dns",
      "--network",
      "upstream",
      "--ip-families",
      "ipv4,ipv6",
      "--config",
      "host.yaml",
      "--extensions-dir",
      "extensions",
    ];
    expect((await parse("up", ...flags, "-o", "json")).ran).toEqual([
      "up",
      {
        nodes: 2,
        dir: "/tmp/a",
        kubernetesVersion: "1.36.0",
        hostNetworkRoute: true,
        dns: true,
        network: "upstream",
        ipFamilies: ["ipv4", "ipv6"],
        config: "host.yaml",
        extensionsDir: "extensions",
        output: "json",
      },
    ]);
    expect((await parse("up", "--control-plane-only")).ran).toEqual(["up", { controlPlaneOnly: true }]);
  });

  it.each([["0"], ["10"], ["two"], ["1.5"]])("refuses %s nodes", async (nodes) => {
    expect((await parse("up", "--nodes", nodes)).error).toContain("Give a whole number from 1 to 9.");
  });

  it.each([["ipv6"], ["ipv6,ipv4"], ["both"]])("refuses %s for families of addresses", async (list) => {
    expect((await parse("up", "--ip-families", list)).error).toContain("Give ipv4 or ipv4,ipv6.");
  });

  it("refuses flags of nodes for a control plane alone", async () => {
    for (const flag of [
      ["--nodes", "1"],
      ["--dns"],
      ["--host-network-route"],
      ["--network", "kx"],
      ["--ip-families", "ipv4"],
    ]) {
      expect((await parse("up", "--control-plane-only", ...flag)).error).toContain("cannot be used with");
    }
  });

  it("refuses a folder of extensions without a file that names any", async () => {
    const refused = await parse("up", "--extensions-dir", "/e");
    expect(refused).toEqual({ code: 1, error: expect.stringContaining("only with '--config <file>'") });
  });

  it("suggests what was meant", async () => {
    expect((await parse("upp")).error).toContain("Did you mean up?");
    expect((await parse("up", "--node", "2")).error).toContain("Did you mean --nodes?");
    expect((await parse("up", "--network", "go")).error).toContain("kx, upstream, none");
    expect((await parse("status", "-o", "xml")).error).toContain("json, yaml");
  });

  it("takes a component and its flags for logs, or none", async () => {
    expect((await parse("logs", "node-1/kubelet", "-f", "--tail", "20")).ran).toEqual([
      "logs",
      "node-1/kubelet",
      { follow: true, tail: 20 },
    ]);
    expect((await parse("logs")).ran).toEqual(["logs", undefined, {}]);
    expect((await parse("logs", "etcd", "--tail", "-1")).error).toContain("Give a whole number.");
  });

  it("prints the version and examples", async () => {
    expect(await parse("--version")).toEqual({ code: 0, error: "1.2.3\n" });
    const { code, error } = await parse("up", "--help");
    expect(code).toBe(0);
    expect(error).toContain("$ kx up --nodes 2");
  });

  it("takes --verbose after the command too", async () => {
    expect((await parse("down", "--verbose")).ran).toEqual(["down", {}]);
  });

  it("hands the arguments and flags of cni's commands over", async () => {
    const flags = [
      "--bin-dir",
      "/a",
      "/b",
      "--conf-dir",
      "/c",
      "--if-name",
      "net1",
      "--args",
      "A=b",
      "--timeout",
      "1.5",
    ];
    expect(await parse("cni", "add", "net", "/run/netns/a", ...flags, "-o", "json")).toEqual({
      ran: [
        "cni add",
        "net",
        "/run/netns/a",
        { binDir: ["/a", "/b"], confDir: "/c", ifName: "net1", args: "A=b", timeout: 1.5, output: "json" },
      ],
      code: 3,
    });
    expect((await parse("cni", "gc", "net", "--valid", "a/eth0", "b/eth0")).ran).toEqual([
      "cni gc",
      "net",
      { valid: ["a/eth0", "b/eth0"] },
    ]);
    expect((await parse("cni", "validate")).ran).toEqual(["cni validate", [], {}]);
    expect((await parse("cni", "version", "a", "b")).ran).toEqual(["cni version", ["a", "b"], {}]);
    expect((await parse("cni", "conformance", "./a", "--config", "f", "--only", "P1", "P2")).ran).toEqual([
      "cni conformance",
      "./a",
      { config: "f", only: ["P1", "P2"] },
    ]);
  });

  it("knows where things are on a node", async () => {
    const places = { binDir: "/opt/cni/bin", prefix: "/opt/kx", network: "kx" };
    const install = { ...places, fallback: true, statusPolicy: "ready-once" };
    expect((await parse("cni", "install")).ran).toEqual(["cni install", install]);
    const flags = [
      "--no-fallback",
      "--conf-dir",
      "/a",
      "--subnet",
      "10.1.0.0/24",
      "fd00::/64",
      "--mtu",
      "9000",
      "--plain",
    ];
    expect((await parse("cni", "install", ...flags, "--status-policy", "strict")).ran).toEqual([
      "cni install",
      {
        ...install,
        fallback: false,
        statusPolicy: "strict",
        plain: true,
        confDir: "/a",
        mtu: 9000,
        subnet: ["10.1.0.0/24", "fd00::/64"],
      },
    ]);
    const uninstall = { ...places, confDir: "/etc/cni/net.d", cacheDir: "/var/lib/cni" };
    expect((await parse("cni", "uninstall", "--drain-later", "--socket", "/s")).ran).toEqual([
      "cni uninstall",
      { ...uninstall, drainLater: true, socket: "/s" },
    ]);
    expect((await parse("cni", "daemon")).ran).toEqual(["cni daemon", { logLevel: "info" }]);
  });

  it("refuses what cni's commands cannot be told", async () => {
    expect((await parse("cni", "uninstall", "--force", "--drain-later")).error).toContain("cannot be used with");
    expect((await parse("cni", "ad", "net", "/a")).error).toContain("Did you mean add?");
    expect((await parse("cni", "add", "net")).error).toContain("missing required argument 'netns'");
    expect((await parse("cni", "add", "net", "/a", "--timeout", "soon")).error).toContain("Give a number of seconds");
    expect((await parse("cni", "gc", "net", "--all", "--valid", "a/b")).error).toContain("cannot be used with");
    expect((await parse("cni", "conformance", "./a")).error).toContain("required option '--config <file>'");
    expect((await parse("cni", "conformance", "./a", "--config", "f", "--role", "ipam")).error).toContain("addresses");
    expect((await parse("cni", "--help")).error).toContain("$ kx cni add net /run/netns/pod");
  });

  it("hands the flags of csi's command over, and refuses what it cannot be told", async () => {
    const endpoint = "unix:///run/csi.sock";
    expect((await parse("csi", "sanity", "--endpoint", endpoint)).ran).toEqual([
      "csi sanity",
      { endpoint, mounts: true },
    ]);
    const flags = ["--no-mounts", "--block", "--volume-size", "1048576", "--only", "D4", "D8.stable", "-o", "json"];
    expect((await parse("csi", "sanity", "--endpoint", endpoint, ...flags)).ran).toEqual([
      "csi sanity",
      { endpoint, mounts: false, block: true, volumeSize: 1048576n, only: ["D4", "D8.stable"], output: "json" },
    ]);
    expect((await parse("csi", "sanity")).error).toContain("required option '--endpoint <endpoint>'");
    expect((await parse("csi", "sanity", "--endpoint", endpoint, "--volume-size", "1Gi")).error).toContain(
      "number of bytes",
    );
  });
});
