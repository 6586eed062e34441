import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { JsonObject } from "@kx/core/contracts/cni";
import { notApplicable } from "@kx/core/testing";
import type { CniResult } from "../../plugin/cni-plugin.ts";
import { makeNetns, type TestNetns } from "../netns.ts";
import type { TestedAttachment } from "./options.ts";

/** A container of a case. */
export interface Pod extends TestedAttachment {
  /** Fields of the configuration that are this attachment's own. */
  readonly config: JsonObject;
  /** Makes its namespace go away, as when the container has ended and the node was restarted. */
  vanish(): Promise<void>;
}

/** Makes a container with a namespace of its own, or with a stand-in: the namespace of this process by another path. */
export async function makePod(
  identity: Pick<Pod, "containerId" | "ifName" | "host" | "config">,
  isReal: boolean,
): Promise<Pod> {
  if (!isReal) return { ...identity, ...(await standIn()) };
  const inside = await makeNetns(identity.containerId.slice(0, 40));
  return { ...identity, netns: inside.path, inside, vanish: () => inside.dispose() };
}

/** The namespace of a container, for cases that look into it. */
export function insideOf({ inside }: TestedAttachment): TestNetns {
  return inside ?? notApplicable("it needs network namespaces, which need root");
}

/** The path ends with a process, so that it can vanish as a namespace does. */
async function standIn(): Promise<Pick<Pod, "netns" | "vanish">> {
  const child = spawn("sleep", ["3600"], { stdio: "ignore" });
  await once(child, "spawn");
  return { netns: `/proc/${child.pid}/ns/net`, vanish: () => end(child) };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}

/**
 * What a plug-in before a chained one may have given: a veth pair with an address. Where there is no namespace, only the
 * words of it.
 *
 * @param number - tells addresses apart.
 */
export async function makePreviousResult(
  { ifName, inside, host, netns }: TestedAttachment,
  number: number,
): Promise<CniResult> {
  const address = `10.222.${(number >> 8) & 0xff}.${number & 0xff || 1}`;
  const hostName = `kxc${number}`;
  const ips = [{ address: `${address}/16`, gateway: "10.222.255.254", interface: 1 }];
  const routes = [{ dst: "0.0.0.0/0", gw: "10.222.255.254" }];
  const interfaces = [
    { name: hostName, ...(inside && { mac: "0a:58:0a:de:00:01" }) },
    { name: ifName, sandbox: netns },
  ];
  if (inside === undefined || host === undefined) return { cniVersion: "1.1.0", interfaces, ips, routes };
  await host.run("ip", "link", "add", hostName, "type", "veth", "peer", "name", ifName, "netns", inside.path);
  await host.run("ip", "link", "set", hostName, "address", "0a:58:0a:de:00:01", "up");
  await inside.run("ip", "link", "set", ifName, "up");
  await inside.run("ip", "address", "add", `${address}/16`, "dev", ifName);
  // A container may have several of them, which the kernel tells apart by their metric.
  const metric = String(1000 + number);
  await inside.run("ip", "route", "add", "default", "via", "10.222.255.254", "dev", ifName, "metric", metric);
  const mac = (await inside.links()).find(({ ifname }) => ifname === ifName)?.address ?? "";
  return {
    cniVersion: "1.1.0",
    interfaces: [
      { name: hostName, mac: "0a:58:0a:de:00:01" },
      { name: ifName, mac, sandbox: netns },
    ],
    ips,
    routes,
  };
}
