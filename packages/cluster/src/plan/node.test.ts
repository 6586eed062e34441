import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { layoutOf } from "../layout.ts";
import type { CgroupPlan } from "./cgroups.ts";
import { planNetwork } from "./network.ts";
import { type NodeSpec, planNode } from "./node.ts";
import { oldRoot, type Step } from "./step.ts";

const layout = layoutOf("/s").node("node-1");
const cgroups: CgroupPlan = { layout: "v2", dirs: [], initDirs: [], mounts: [], settle: [] };
const spec: NodeSpec = {
  name: "node-1",
  index: 1,
  layout,
  network: planNetwork(),
  cgroups,
  assets: "/assets",
  hidden: ["/root/", "/usr/bin/node"],
  binds: [{ hostPath: "/s/install", nodePath: "/opt/kx/1" }],
  pki: { ca: "CA", cert: "CERT", key: "KEY" },
  kubeconfig: "KUBECONFIG",
  proxyKubeconfig: "PROXY",
  kubelet: { maxPods: 7, syncFrequency: "1s" },
  containerd: "# more",
  hasNetwork: true,
  isKept: false,
};
const steps = planNode(spec);
const pivot = steps.findIndex((step) => step.op === "pivot");

const written = (path: string): string => {
  const found = steps.find((step) => step.op === "write" && step.path === path);
  return found?.op === "write" ? found.data : `${path} is not written`;
};

describe("planNode", () => {
  it("changes nothing of the machine: until the pivot nothing but the overlay's own folders, after it only settings' files", () => {
    const before = steps.slice(0, pivot).filter((step) => {
      if (step.op === "hide") return step.source !== layout.upper;
      if (step.op === "mount") return !(step.path === layout.root || step.options?.join() === "rprivate");
      return step.op !== "hostname";
    });
    expect(before).toEqual([]);
    const reachesBack = steps.slice(pivot).filter((step) => "path" in step && step.path.startsWith(oldRoot));
    expect(
      reachesBack.every((step) => step.op === "write" && step.path.startsWith(`${oldRoot}${layout.dir}/sysctl/`)),
    ).toBe(true);
    const detached = steps.findIndex((step) => step.op === "detach");
    const sources = steps.flatMap((step, i) => (step.op === "mount" && step.source.startsWith(oldRoot) ? [i] : []));
    expect(Math.max(...sources)).toBeLessThan(detached);
  });

  it("mounts all anew for a node that has been there, and writes none of its files", () => {
    const again = planNode({ ...spec, hidden: [], isKept: true });
    const mounts = (plan: readonly Step[]) => plan.filter(({ op }) => op === "mount");
    expect(mounts(again)).toEqual(mounts(steps));
    const rewritten = again.filter((step) => step.op === "write" && !/^\/(proc|\.old-root)\//.test(step.path));
    expect(rewritten).toEqual([]);
  });

  it("hides in the overlay before it is mounted, and mounts it before anything is put into it", () => {
    const overlay = steps.findIndex((step) => step.op === "mount" && step.type === "overlay");
    const hides = steps.flatMap((step, i) => (step.op === "hide" ? [i] : []));
    expect(hides).toHaveLength(2);
    expect(Math.max(...hides)).toBeLessThan(overlay);
    expect(overlay).toBeLessThan(pivot);
  });

  it("shows folders of the machine read-only only", () => {
    const binds = steps.filter(
      (step) => step.op === "mount" && !step.source.startsWith(oldRoot + layout.dir) && step.options?.includes("bind"),
    );
    expect(binds.map((step) => (step.op === "mount" ? [step.source, step.options?.includes("ro")] : []))).toEqual([
      [`${oldRoot}/assets/bin`, true],
      [`${oldRoot}/assets/cni`, true],
      [`${oldRoot}/s/install`, true],
    ]);
  });

  it("puts no plug-in and no configuration there if another network is to come, which need not bring a loopback", () => {
    const isOfNetwork = (step: Step) => "path" in step && /^\/(opt\/cni\/bin|etc\/cni\/net\.d)\/./.test(step.path);
    expect(steps.filter(isOfNetwork)).toHaveLength(5);
    const bare = planNode({ ...spec, hasNetwork: false });
    expect(bare.filter(isOfNetwork)).toEqual([]);
    const config = bare.find((step) => step.op === "write" && step.path === "/etc/containerd/config.toml");
    expect(config?.op === "write" ? config.data : "").toContain("use_internal_loopback = true");
    expect(written("/etc/containerd/config.toml")).toContain("use_internal_loopback = false");
  });

  it("puts the caller's kubelet fields over ours, and keeps keys private", () => {
    expect(parse(written("/etc/kubernetes/kubelet.yaml"))).toMatchObject({
      maxPods: 7,
      syncFrequency: "1s",
      failCgroupV1: false,
    });
    expect(written("/etc/containerd/config.toml")).toContain("# more");
    const secrets = steps.filter((step) => step.op === "write" && /KEY|KUBECONFIG|PROXY/.test(step.data));
    expect(secrets.map((step) => (step.op === "write" ? step.mode : 0))).toEqual([0o600, 0o600, 0o600]);
  });
});
