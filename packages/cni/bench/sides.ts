import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { JsonObject } from "@kx/core/contracts/cni";
import type { BenchCall } from "./runner.ts";

/** Whose plug-ins are measured. */
export interface Side {
  readonly name: "go" | "kx";
  readonly binDir: string;
  /** The plug-ins' types begin with it. */
  readonly prefix: string;
  readonly bridge: string;
  readonly subnet: string;
  readonly dataDir: string;
  readonly env: Readonly<Record<string, string>>;
  /** Its DEL answers before the kernel has deleted the link. */
  readonly deletesLater: boolean;
  /** Milliseconds of processor that its daemon has used so far. */
  cpuMs(): number;
}

/** A container's interface in a bench. */
export interface BenchPod {
  readonly id: string;
  readonly netns: string;
  /** Of the node. */
  readonly port: number;
}

/** What is asked of a plug-in. */
export interface BenchWork {
  readonly command: "ADD" | "DEL" | "CHECK";
  readonly plugin: "bridge" | "portmap";
  readonly masquerade?: boolean;
  readonly prevResult?: JsonObject;
}

/** One call as a runtime would make it. */
export function callOf(side: Side, pod: BenchPod, { command, plugin, masquerade, prevResult }: BenchWork): BenchCall {
  const common = { cniVersion: "1.1.0", name: `bench-${side.name}`, type: side.prefix + plugin };
  const portMappings = [{ hostPort: pod.port, containerPort: 80, protocol: "tcp" }];
  const own =
    plugin === "portmap"
      ? { capabilities: { portMappings: true }, runtimeConfig: { portMappings } }
      : { bridge: side.bridge, isGateway: true, ipMasq: masquerade ?? false, ipam: ipamOf(side) };
  const stdin = JSON.stringify({ ...common, ...own, ...(prevResult === undefined ? {} : { prevResult }) });
  const env = {
    PATH: process.env["PATH"] ?? "",
    CNI_COMMAND: command,
    CNI_CONTAINERID: pod.id,
    CNI_NETNS: pod.netns,
    CNI_IFNAME: "eth0",
    CNI_PATH: side.binDir,
    ...side.env,
  };
  return { program: join(side.binDir, side.prefix + plugin), env, stdin };
}

function ipamOf({ prefix, subnet, dataDir }: Side): JsonObject {
  return { type: `${prefix}host-local`, ranges: [[{ subnet }]], routes: [{ dst: "0.0.0.0/0" }], dataDir };
}

/** Milliseconds of processor that all threads of a process have used. */
export function processCpuMs(pid: number): number {
  const tasks = readdirSync(`/proc/${pid}/task`);
  const nanoseconds = tasks.map((task) =>
    Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ")[0]),
  );
  return nanoseconds.reduce((sum, one) => sum + one, 0) / 1e6;
}
