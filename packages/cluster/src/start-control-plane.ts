import { createServer } from "node:net";
import { KxError } from "@kx/core";
import { keepAdminKubeconfig, startControllerManager, startScheduler } from "./control-plane-programs.ts";
import { openControlPlane, type RunningState } from "./handle.ts";
import { createPki } from "./pki.ts";
import { apiServerArgs, type ControlPlaneSpec, etcdArgs } from "./plan/control-plane.ts";
import { Rig, type Wrap } from "./rig.ts";
import type { ControlPlane, ControlPlaneOptions } from "./types.ts";

/**
 * Starts etcd and a kube-apiserver on free loopback ports, and with the options kube-controller-manager and
 * kube-scheduler: an API server to test controllers against. Needs neither root nor namespaces.
 *
 * @throws KxError KX_CLUSTER_* and KX_ASSETS_*; nothing is left behind then.
 */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const rig = await Rig.claim(options, "control-plane", controlPlaneAssets, { cgroups: [] });
  try {
    return await rig.step("starting the control plane", () => build(rig));
  } catch (error) {
    return await rig.abandon(error);
  }
}

const controlPlaneAssets = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl"];

const asIs: Wrap = (argv) => ({ argv, forks: 0 });

async function build(rig: Rig): Promise<ControlPlane> {
  const { layout, options } = rig;
  const [etcdPort = 0, securePort = 0, managerPort = 0, schedulerPort = 0] = await freePorts(4);
  const spec: ControlPlaneSpec = {
    etcdData: layout.etcdData,
    etcdPort,
    etcdPeerPort: 0,
    securePort,
    bindAddress: "127.0.0.1",
    advertiseAddress: "127.0.0.1",
    serviceCidrs: ["10.96.0.0/16"],
    pki: layout.pki,
    // The API server refuses to publish a loopback address as the `kubernetes` Service's endpoint.
    apiServerArgs: ["--endpoint-reconciler-type=none", ...(options.apiServerArgs ?? [])],
  };
  await rig.runProgram(etcdArgs(spec), asIs);
  const pki = await createPki(layout.pki, { addresses: ["127.0.0.1", "10.96.0.1"], nodes: [] });
  await rig.runProgram(apiServerArgs(spec), asIs);
  const server = `https://127.0.0.1:${securePort}`;
  await keepAdminKubeconfig(rig, server, pki);
  rig.connect(server, pki);
  await rig.awaitReady();
  const access = { server, pki, wrap: asIs };
  if (options.controllerManager) await startControllerManager(rig, spec, access, managerPort);
  if (options.scheduler) await startScheduler(rig, access, schedulerPort);
  await rig.check();
  rig.settle();
  await rig.record({ server, etcd: `http://127.0.0.1:${etcdPort}` });
  const control = rig.control({
    forward: async (_listen, dial) => dial.address,
    addImages: async () => {
      throw new KxError("KX_CLUSTER_OPTION", "a control plane alone has no nodes to load images for");
    },
    power: async () => {
      throw new KxError("KX_CLUSTER_OPTION", "a control plane alone has no nodes");
    },
    supervise: (program) => rig.superviseHere(program),
  });
  await rig.serve(control);
  return openControlPlane(layout.dir, rig.state as RunningState, control);
}

/** Ports that were free a moment ago; all are held until the last is known, so that they differ. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports: number[] = [];
  for (const server of servers) {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(0, "127.0.0.1", resolve);
    });
    const address = server.address();
    if (address !== null && typeof address !== "string") ports.push(address.port);
  }
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
