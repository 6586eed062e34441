import { KxError } from "@kx/core";
import {
  type Attachment,
  type CniCommand,
  cniError,
  cniVersions,
  type JsonObject,
  versionResult,
} from "@kx/core/contracts/cni";
import type { CniResult } from "../plugin/cni-plugin.ts";
import { foreignFailure } from "../plugin/failure.ts";
import { given } from "../plugin/given.ts";
import { newestVersion, readResult } from "../plugin/results.ts";
import type { TestNetns } from "./netns.ts";
import { buildCall, callerOf, describePlugin, type PluginAnswer, type PluginUnderTest } from "./plugin-call.ts";

/** What a fake runtime calls, and with what. */
export type FakeRuntimeOptions = PluginUnderTest & {
  /** The plug-in's configuration. Default of `cniVersion`: 1.1.0; of `name`: `net`. */
  readonly config: JsonObject;
  /** CNI_PATH. Default: the folder of the executable, else `/opt/cni/bin`. */
  readonly path?: readonly string[];
  /** Variables that every call has beside those of CNI. PATH is that of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** The namespace that an executable runs in. Default: this process's own. */
  readonly host?: TestNetns;
  /** How long a call may take. Default: 60,000 ms. */
  readonly timeoutMs?: number;
};

/** What a fake runtime attaches. */
export interface FakeTarget {
  /** Default: `container-1`. */
  readonly containerId?: string;
  /** Default: `eth0`. */
  readonly ifName?: string;
  /** Default: this process's own, which the plug-in is told to let through. */
  readonly netns?: string;
  /** CNI_ARGS. */
  readonly args?: Readonly<Record<string, string>>;
  /** Fields of the configuration in this call alone, such as `runtimeConfig` or `prevResult`. */
  readonly config?: JsonObject;
}

/** An ADD that was not deleted yet. */
export interface FakeAttachment {
  readonly containerId: string;
  readonly ifName: string;
  readonly netns: string;
  /** As the plug-in gave it. */
  readonly printed: JsonObject;
  /** In the newest form. */
  readonly result: CniResult;
}

/**
 * A container runtime in a test: it calls one plug-in and keeps the results. What a plug-in answers as an error is thrown
 * as KxError `KX_CNI_PLUGIN`, with its number as `details.cniCode`.
 */
export interface FakeRuntime {
  add(target?: FakeTarget): Promise<CniResult>;
  /** With the result of the ADD as `prevResult`. */
  check(target?: FakeTarget): Promise<void>;
  /** With the result of the ADD, if there was one. */
  del(target?: FakeTarget): Promise<void>;
  /** @param valid - Default: the attachments that it keeps. Null is sent as such, `"unknown"` sends no list. */
  gc(valid?: readonly Attachment[] | null | "unknown"): Promise<void>;
  status(): Promise<void>;
  version(): Promise<readonly string[]>;
  /** What was added and not deleted. */
  attachments(): readonly FakeAttachment[];
}

const ownNetns = "/proc/self/ns/net";

/** Makes a runtime for tests of a plug-in: in process, an executable, or called in a way of one's own. */
export function createFakeRuntime(options: FakeRuntimeOptions): FakeRuntime {
  const { host, timeoutMs = 60_000 } = options;
  const call = callerOf(options, { timeoutMs, ...given({ host }) });
  const path = options.path ?? describePlugin(options).path;
  const base: JsonObject = { cniVersion: newestVersion, name: "net", type: "plug-in", ...options.config };
  const kept = new Map<string, FakeAttachment>();
  const send = async (command: CniCommand, fields: JsonObject, target?: FakeTarget): Promise<string> => {
    const config = { ...base, ...fields };
    const identity = target === undefined ? {} : identityOf(target);
    const env = { ...options.env, ...(target === undefined ? {} : variablesOf(target)) };
    return succeeded(await call(buildCall({ command, config, path, ...identity, env })));
  };
  const withResult = (target: FakeTarget): JsonObject => {
    const known = kept.get(keyOf(target));
    return { ...(known === undefined ? {} : { prevResult: known.printed }), ...target.config };
  };
  return {
    async add(target = {}) {
      const printed = JSON.parse(await send("ADD", { ...target.config }, target)) as JsonObject;
      const version = cniVersions.find((one) => one === base["cniVersion"]) ?? "0.1.0";
      const result = await readResult(printed, version);
      kept.set(keyOf(target), { ...identityOf(target), printed, result });
      return result;
    },
    async check(target = {}) {
      await send("CHECK", withResult(target), target);
    },
    async del(target = {}) {
      await send("DEL", withResult(target), target);
      kept.delete(keyOf(target));
    },
    async gc(
      valid = [...kept.values()].map(({ containerId, ifName }) => ({ containerID: containerId, ifname: ifName })),
    ) {
      await send("GC", valid === "unknown" ? {} : { "cni.dev/valid-attachments": valid });
    },
    async status() {
      await send("STATUS", {});
    },
    async version() {
      const checked = await versionResult["~standard"].validate(JSON.parse(await send("VERSION", {})));
      if (checked.issues === undefined) return checked.value.supportedVersions;
      throw new KxError("KX_CNI_RESULT", "the plug-in did not tell its versions");
    },
    attachments: () => [...kept.values()],
  };
}

function identityOf({ containerId = "container-1", ifName = "eth0", netns = ownNetns }: FakeTarget) {
  return { containerId, ifName, netns };
}

function keyOf(target: FakeTarget): string {
  const { containerId, ifName } = identityOf(target);
  return `${containerId} ${ifName}`;
}

function variablesOf({ args, netns }: FakeTarget): Readonly<Record<string, string>> {
  const pairs = Object.entries(args ?? {}).map(([key, value]) => `${key}=${value}`);
  return {
    ...(pairs.length === 0 ? {} : { CNI_ARGS: pairs.join(";") }),
    ...(netns === undefined ? { CNI_NETNS_OVERRIDE: "1" } : {}),
  };
}

async function succeeded({ exitCode, stdout, stderr }: PluginAnswer): Promise<string> {
  if (exitCode === 0) return stdout;
  const checked = await cniError["~standard"].validate(parse(stdout));
  if (checked.issues === undefined) throw foreignFailure(checked.value);
  throw new KxError(
    "KX_CNI_RESULT",
    `the plug-in ended with exit code ${exitCode} and no error object: ${stdout}${stderr}`,
  );
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
