import type { HostEnv } from "@kx/core";
import { collectingLogger, fakeClock } from "@kx/core/testing";
import { describe, expect, it } from "vitest";
import { extension } from "./extension.ts";

const env: Omit<HostEnv, "role"> = { log: collectingLogger(), clock: fakeClock(), nodeName: "node-1" };
const hosted = () => extension.create({ stateDir: "/s", kubeletDir: "/k" });

describe("the hostpath driver as an extension", () => {
  it("serves all on each node, with its provisioner there; beside the control plane it takes taints away", () => {
    const onNode = hosted().parts({ ...env, role: "node" });
    const names = onNode.map(({ name }) => name);
    expect(names.slice(0, 2)).toEqual(["csi hostpath.csi.kx.dev", "registrar hostpath.csi.kx.dev"]);
    expect(names).toContain("hostpath-csi-kx-dev-provisioner/workers");
    const central = hosted().parts({ ...env, role: "controller" });
    expect(central.map(({ name }) => name.split("/")[0])).toEqual([
      "hostpath-csi-kx-dev-startup-taint",
      "hostpath-csi-kx-dev-startup-taint",
    ]);
    const { nodeName: _, ...nameless } = env;
    expect(() => hosted().parts({ ...nameless, role: "node" })).toThrow(/KX_CSI_HOST.*name of its node.*--node-name/);
  });

  it("renders a DaemonSet where there is an image, with the roles that a node needs and no other", () => {
    const render = (image: string) => hosted().manifests({ namespace: "kx-system", image });
    expect(render("").map(({ kind }) => kind)).not.toContain("DaemonSet");
    const objects = render("registry/hostpath:1");
    const bound = objects
      .filter(({ kind }) => kind === "ClusterRoleBinding")
      .map((binding) => (binding["roleRef"] as { name: string }).name);
    expect(bound).toEqual(["kx:csi:hostpath.csi.kx.dev:node"]);
    const policy = objects.find(({ kind }) => kind === "ValidatingAdmissionPolicy");
    expect(JSON.stringify(policy)).toContain("system:serviceaccount:kx-system:kx-csi-hostpath");
    const daemonSet = objects.find(({ kind }) => kind === "DaemonSet") as unknown as Rendered;
    const { containers, volumes } = daemonSet.spec.template.spec;
    expect(volumes.map(({ hostPath }) => hostPath.path)).toEqual(["/k", "/dev", "/s"]);
    expect(containers[0]?.volumeMounts[0]).toMatchObject({ mountPath: "/k", mountPropagation: "Bidirectional" });
    expect(containers[0]?.args).toContain("--endpoint=unix:///k/plugins/hostpath.csi.kx.dev/csi.sock");
    const parts = ["registrar", "provisioner", "capacity", "resizer", "snapshotter", "health-monitor"];
    expect(containers[0]?.args.filter((arg) => arg.startsWith("--embed="))).toEqual(
      parts.map((part) => `--embed=${part}`),
    );
  });

  it("keeps pods off nodes without it only where that is asked for, and its nodes' account off others' where it is named", async () => {
    const render = (options: object, more: object = {}) =>
      extension.create({ stateDir: "/s", ...options }).manifests({ namespace: "kx-system", image: "", ...more });
    const [plain] = render({});
    expect(plain?.["spec"]).not.toHaveProperty("preventPodSchedulingIfMissing");
    const read = await extension.options["~standard"].validate({ preventPodSchedulingIfMissing: true });
    const [asked] = render("value" in read ? read.value : {});
    expect(asked).toMatchObject({ kind: "CSIDriver", spec: { preventPodSchedulingIfMissing: true } });
    const policies = (more: object) => render({}, more).filter(({ kind }) => kind.startsWith("Validating"));
    expect(policies({})).toEqual([]);
    expect(policies({ nodeAccount: "a" })).toHaveLength(2);
  });
});

interface Rendered {
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly containers: readonly { readonly args: readonly string[]; readonly volumeMounts: readonly object[] }[];
        readonly volumes: readonly { readonly hostPath: { readonly path: string } }[];
      };
    };
  };
}
