import { join, relative } from "node:path";
import { type ClusterNode, startCluster } from "@kx/cluster";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { asKxCluster, type KxCluster, traces, webPod } from "../support/kx-cluster.ts";

// The command is shown to the node at another place than it has on this machine, as if it were installed there.
const checkout = join(import.meta.dirname, "../../../..");
const shown = "/usr/local/lib/kx";
const command = join(shown, relative(checkout, process.execPath));
const kxFile = join(shown, "apps/cli/bin/kx.mjs");

describe("plug-ins that were installed by hand on a node with a real kubelet", () => {
  let kx: KxCluster;
  let node: ClusterNode;
  beforeAll(async () => {
    const mounts = [{ hostPath: checkout, nodePath: shown }];
    kx = asKxCluster(await startCluster({ nodes: 1, network: "none", mounts }));
    node = kx.cluster.nodes[0]!;
    const daemon = { name: "cni-daemon", command, args: [kxFile, "cni", "daemon"] };
    await node.supervise(daemon);
  }, 240_000);
  afterAll(() => kx?.[Symbol.asyncDispose]());

  const cni = (...args: readonly string[]) => node.exec(command, [kxFile, "cni", ...args]);
  const eventsOf = (pod: string) =>
    kx.kubectl("get", "events", "--field-selector", `involvedObject.name=${pod}`, "-o", "jsonpath={.items[*].message}");
  const isReady = () =>
    kx.kubectl("get", "node", "node-1", "-o", 'jsonpath={.status.conditions[?(@.type=="Ready")].status}');
  const left = async () => {
    const places = ["/opt/kx", "/run/kx/cni", "/etc/cni/net.d", ...(await linked())];
    const { stdout } = await node.exec("find", [...places, "-mindepth", "0", "-not", "-path", "/etc/cni/net.d"]);
    const made = (await traces(node)).filter((line) => /^(lease|result|link veth)/.test(line));
    return [...stdout.split("\n").filter((line) => line !== ""), ...made];
  };
  const linked = async () =>
    (await node.exec("ls", ["/opt/cni/bin"])).stdout.match(/^kx-.*$/gm)?.map((name) => `/opt/cni/bin/${name}`) ?? [];

  it.each([
    ["the shim", []],
    ["the Node program", ["--plain"]],
  ])(
    "attach pods by %s, refuse to go while there are some, and go with the last one",
    async (_, flags) => {
      const installed = await cni("install", "--conf-dir", "/etc/cni/net.d", "--subnet", "10.244.1.0/24", ...flags);
      expect(installed.exitCode, installed.stderr).toBe(0);
      await kx.kubectl("wait", "--for=condition=Ready", "node/node-1", "--timeout=60s");
      const pods = ["one", "two", "three", "four"];
      await kx.apply(...pods.map((name) => webPod(name, "node-1")));
      await kx.ready(...pods);
      expect(await kx.fetchFrom("one", `http://${await kx.podIp("two")}:8080/cgi-bin/from`)).toBe(
        await kx.podIp("one"),
      );

      const refused = await cni("uninstall");
      expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("[KX_CNI_IN_USE] 4 attachments") });
      expect(refused.stderr).toContain("remedy: delete the pods first; or use --drain-later");
      const drained = await cni("uninstall", "--drain-later");
      expect(drained, drained.stderr).toMatchObject({ exitCode: 0 });
      expect(drained.stdout).toMatch(/^the plug-ins attach nothing any more, and go with the last of 4:\n {2}eth0 of /);
      await kx.apply(webPod("late", "node-1"));
      await expect.poll(() => eventsOf("late"), { timeout: 60_000, interval: 500 }).toContain("KX_CNI_DRAINING");
      expect(await isReady()).toBe("True");

      await kx.kubectl("delete", "pod", "late", "one", "--timeout=90s");
      expect(await left()).toContain("/etc/cni/net.d/10-kx.conflist");
      await kx.kubectl("delete", "pod", "two", "three", "four", "--timeout=90s");
      await expect.poll(left, { timeout: 60_000, interval: 500 }).toEqual([]);
      await kx.kubectl("wait", "--for=condition=Ready=False", "node/node-1", "--timeout=60s");
    },
    300_000,
  );
});
