import type { HostEnv } from "@kx/core";
import { collectingLogger, fakeClock } from "@kx/core/testing";
import { describe, expect, it } from "vitest";
import { cniExtension, extension } from "./extension.ts";

const env: HostEnv = { role: "node", log: collectingLogger(), clock: fakeClock(), nodeName: "node-1" };
const openObjects = async (): Promise<never> => {
  throw new Error("nothing is opened before something runs");
};

describe("the pod network as an extension", () => {
  it("runs the daemon, then installs the plug-ins, then makes the network, on nodes alone", () => {
    const hosted = cniExtension(openObjects).create({});
    expect(hosted.parts(env).map(({ name, group }) => [name, group])).toEqual([
      ["daemon", "server"],
      ["plug-ins", "cache"],
      ["node-network", "worker"],
    ]);
    expect(hosted.parts({ ...env, role: "controller" })).toEqual([]);
  });

  it("refuses a host that cannot show it the cluster, or does not know its node", () => {
    expect(() => extension.create({}).parts(env)).toThrow(/KX_CNI_HOST.*access to the cluster's objects.*node agent/);
    const { nodeName: _, ...nameless } = env;
    expect(() => cniExtension(openObjects).create({}).parts(nameless)).toThrow(
      /KX_CNI_HOST.*name of its node.*--node-name/,
    );
  });

  it("asks for the rights that it uses, and for no others", () => {
    const render = (more: object) => extension.create({}).manifests({ namespace: "kx-system", image: "", ...more });
    const [role, ...more] = render({});
    expect(more).toEqual([]);
    expect(render({ nodeAccount: "a" }).map(({ kind }) => kind)).toEqual([
      "ValidatingAdmissionPolicy",
      "ValidatingAdmissionPolicyBinding",
      "ClusterRole",
    ]);
    expect(JSON.stringify(render({ nodeAccount: "a" }))).toContain("system:serviceaccount:kx-system:a");
    const rules = role?.["rules"] as { resources: string[]; verbs: string[] }[];
    expect(rules.map(({ resources, verbs }) => `${resources.join()}: ${verbs.join()}`)).toEqual([
      "nodes: get,list,watch",
      "nodes/status: patch",
      "networkpolicies: list,watch",
      "events: create,patch",
    ]);
  });

  it("tells what a pod that it runs in must see of the node, at the same paths", () => {
    const { node } = extension.create({ criSocket: "/run/crio/crio.sock", socket: "/run/acme/cni.sock" });
    expect(node).toMatchObject({ hostNetwork: true, privileged: true });
    expect(node?.hostPaths).toContainEqual({ path: "/run/netns", propagation: "HostToContainer" });
    expect(node?.hostPaths?.map(({ path }) => path)).toEqual(
      expect.arrayContaining(["/etc/cni/net.d", "/opt/cni/bin", "/var/lib/cni", "/run/crio", "/run/acme", "/opt/kx"]),
    );
  });

  it.each([
    [{ network: "../x" }, "network"],
    [{ confDir: "net.d" }, "confDir"],
    [{ bridge: "a-name-of-16-bytes" }, "bridge"],
    [{ gcSeconds: 0 }, "gcSeconds"],
  ])("refuses %j", async (options, path) => {
    const result = await extension.options["~standard"].validate(options);
    expect(result.issues?.map((issue) => issue.path)).toEqual([[path]]);
  });
});
