import { loadConfig } from "@kx/core/config";
import { describe, expect, it } from "vitest";
import { hostpathSchema } from "./options.ts";

const load = (args: readonly string[]) =>
  loadConfig({ name: "test", schema: hostpathSchema, args, env: {}, envPrefix: "KX" });

describe("the hostpath driver's options", () => {
  it("have defaults", async () => {
    expect(await load(["--node-id", "n", "--state-dir", "/s"])).toEqual({
      value: {
        nodeId: "n",
        stateDir: "/s",
        name: "hostpath.csi.kx.dev",
        kubeletDir: "/var/lib/kubelet",
        attach: false,
        durability: "fsync",
      },
    });
  });

  it("are read, sizes as Kubernetes writes them", async () => {
    const more = ["--capacity", "100Gi", "--attach", "--max-volumes-per-node", "7", "--kubelet-dir", "/k"];
    expect(await load(["--node-id", "n", "--state-dir", "/s", ...more])).toMatchObject({
      value: {
        capacityBytes: 100n * 1024n ** 3n,
        attach: true,
        maxVolumesPerNode: 7,
        kubeletDir: "/k",
      },
    });
  });

  it.each([
    ["--capacity", "much"],
    ["--state-dir", "relative"],
    ["--max-volumes-per-node", "0"],
    ["--durability", "both"],
  ])("refuse %s %s", async (flag, value) => {
    await expect(load(["--node-id", "n", "--state-dir", "/s", flag, value])).rejects.toThrow(/KX_CONFIG_/);
  });
});
