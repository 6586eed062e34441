import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import { kubeconfig } from "./kubeconfig.ts";
import { loadAuthority, type Pki, userCertificateMs } from "./pki.ts";
import { type ControlPlaneSpec, controllerManagerArgs, schedulerArgs, schedulerConfig } from "./plan/control-plane.ts";
import type { Rig, Wrap } from "./rig.ts";

/** How a control plane's programs and its administrator reach the API server. */
export interface ControlPlaneAccess {
  readonly server: string;
  readonly pki: Pki;
  readonly wrap: Wrap;
}

/** Starts kube-controller-manager; `port` is for its metrics and health. */
export async function startControllerManager(
  rig: Rig,
  spec: ControlPlaneSpec,
  access: ControlPlaneAccess,
  port?: number,
): Promise<void> {
  const config = await configFor(rig, "controller-manager", access);
  await rig.runProgram(controllerManagerArgs(spec, config, port), access.wrap);
}

/** Starts kube-scheduler; `port` is for its metrics and health. */
export async function startScheduler(rig: Rig, access: ControlPlaneAccess, port?: number): Promise<void> {
  const config = await configFor(rig, "scheduler", access);
  const file = join(rig.layout.config, "scheduler.yaml");
  await writeFile(file, stringify(schedulerConfig(config)));
  await rig.runProgram(schedulerArgs(config, file, port), access.wrap);
}

/** Writes the administrator's kubeconfig, now and again long before its certificate ends. */
export async function keepAdminKubeconfig(rig: Rig, server: string, pki: Pki): Promise<void> {
  const ca = pki.get("ca");
  const authority = await loadAuthority(ca);
  const subject = { commonName: "kx-admin", organizations: ["system:masters"], validMs: userCertificateMs };
  const write = async (): Promise<void> => {
    const text = kubeconfig(server, ca.cert, subject.commonName, await authority.issue(subject));
    await writeFile(rig.layout.kubeconfig, text, { mode: 0o600 });
  };
  await write();
  const timer = setInterval(() => void write().catch(() => {}), userCertificateMs / 2);
  timer.unref();
  rig.defer(() => clearInterval(timer));
}

/** The text of a kubeconfig for one of the cluster's own programs. */
export function kubeconfigOf(name: string, server: string, pki: Pki): string {
  return kubeconfig(server, pki.get("ca").cert, name, pki.get(name));
}

async function configFor(rig: Rig, name: string, { server, pki }: ControlPlaneAccess): Promise<string> {
  const path = join(rig.layout.config, `${name}.kubeconfig`);
  await writeFile(path, kubeconfigOf(name, server, pki), { mode: 0o600 });
  return path;
}
