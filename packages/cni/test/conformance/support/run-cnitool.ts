import { join } from "node:path";
import type { JsonObject } from "@kx/core/contracts/cni";
import type { TestNetns } from "../../../src/testing/netns.ts";
import { goEnvironment, goProgram } from "../../support/go-program.ts";
import { type Executed, type NodeLab, whyNot } from "./node-lab.ts";

const go = goEnvironment();

/** Why cnitool cannot run here; undefined if it can. With CI=true that is a failure. */
export function whyNoCnitool(): string | undefined {
  const missing = whyNot() ?? (go === undefined ? "there is no Go to build it with" : undefined);
  if (missing === undefined) return undefined;
  const told = `the plug-ins are not run by cnitool: ${missing}`;
  if (process.env["CI"] === "true") throw new Error(told);
  console.error(told);
  return missing;
}

/** Builds cnitool, which compiles it the first time. Gives its path. */
export function buildCnitool(): string {
  return goProgram("cnitool", join(import.meta.dirname, "..", "cnitool-go"), go ?? {});
}

/** What cnitool is to do. */
export interface CnitoolCall {
  readonly operation: "add" | "check" | "del" | "gc" | "status";
  readonly netns: TestNetns;
  /** Default: `net`. */
  readonly network?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** Runs cnitool on a node. Its cache is always in the same folder, which for the time of a call is one of this lab. */
export function runCnitool(lab: NodeLab, program: string, { operation, netns, network = "net", env }: CnitoolCall) {
  const inOwnFolder = ["--mount", "sh", "-c", 'mount --bind "$0" /var/lib && exec "$@"', lab.folder];
  return lab.run("unshare", [...inOwnFolder, program, operation, network, netns.path], {
    CNI_PATH: lab.bin,
    NETCONFPATH: join(lab.folder, "net.d"),
    ...env,
  });
}

/** What an operation comes to that prints nothing. */
export const done: Executed = { exitCode: 0, output: undefined, stderr: "" };

/** `ipam` of these subnets, one address of each. */
export function ipamOf(lab: NodeLab, ...subnets: readonly string[]): JsonObject {
  return { type: "kx-host-local", dataDir: lab.dataDir, ranges: subnets.map((subnet) => [{ subnet }]) };
}
