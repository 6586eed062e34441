import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KxError } from "@kx/core";
import { cniVersions, type JsonObject } from "@kx/core/contracts/cni";
import { given } from "../../plugin/given.ts";
import { makeNetns, type TestNetns } from "../netns.ts";
import { type CallPlugin, callerOf, describePlugin } from "../plugin-call.ts";
import { type ConformanceOptions, guessRole, type PluginRole } from "./options.ts";
import { installProbe, type Probe } from "./probe.ts";
import { createScope } from "./scope.ts";
import { hasNftables } from "./snapshot.ts";

/** The options of a run, with what was found out. */
export interface Settings {
  readonly options: ConformanceOptions;
  readonly role: PluginRole;
  readonly config: JsonObject;
  readonly path: readonly string[];
  readonly call: CallPlugin;
  readonly ifName: string;
  readonly host?: TestNetns;
  readonly hasNft: boolean;
  /** Whether containers get namespaces of their own. */
  readonly isReal: boolean;
  readonly settleMs: number;
}

/** Where the cases of one run take place. */
export interface Lab extends AsyncDisposable {
  readonly settings: Settings;
  readonly probe: Probe;
  /** The first ADD's result, of which probes give the addresses; or why it failed. */
  readonly sample: JsonObject | string;
  nextNumber(): number;
  /** An id that no other run uses. */
  containerId(number: number): string;
}

/** The configuration that cases start from. */
function baseConfig(options: ConformanceOptions): JsonObject {
  const base: JsonObject = {
    cniVersion: cniVersions.at(-1),
    name: "kx-conformance",
    type: "plug-in",
    ...options.config,
  };
  // It tells the role; each case brings its own.
  const { prevResult: _, ...config } = base;
  return config;
}

/** The role that options ask for or tell. */
export function roleOf(options: ConformanceOptions): PluginRole {
  return options.role ?? guessRole(options.config);
}

/** Makes the namespaces, the probe, and a first attachment: what the plug-in makes once and keeps is no leak. */
export async function createLab(options: ConformanceOptions): Promise<Lab> {
  await using stack = new AsyncDisposableStack();
  const role = roleOf(options);
  const isReal = options.namespaces ?? process.getuid?.() === 0;
  if (!isReal && role === "interface") {
    throw new KxError("KX_CNI_TESTING", "the conformance suite of a plug-in that makes interfaces needs namespaces", {
      remedy: "run it as root",
    });
  }
  const folder = mkdtempSync(join(tmpdir(), "kx-cni-conformance-"));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const needsHost = isReal && "executable" in options && role !== "addresses";
  const host = options.host ?? (needsHost ? stack.use(await makeNetns("host")) : undefined);
  const probe = installProbe(folder);
  const { timeoutMs = 60_000 } = options;
  const settings: Settings = {
    options,
    role,
    config: baseConfig(options),
    path: [probe.folder, ...(options.path ?? describePlugin(options).path)],
    call: callerOf(options, { timeoutMs, ...given({ host }) }),
    ifName: options.ifName ?? "eth0",
    ...given({ host }),
    hasNft: host !== undefined && (await hasNftables(host)),
    isReal,
    settleMs: options.settleMs ?? 20_000,
  };
  let last = 0;
  const run = randomBytes(4).toString("hex");
  const bare: Omit<Lab, "sample"> = {
    settings,
    probe,
    nextNumber: () => ++last,
    containerId: (number) => `kx-conformance-${run}-${number}`,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
  const sample = await firstResult({ ...bare, sample: "there was none yet" });
  const owned = stack.move();
  return { ...bare, sample };
}

async function firstResult(lab: Lab): Promise<JsonObject | string> {
  const scope = await createScope(lab);
  try {
    return await scope.add(await scope.pod());
  } catch (error) {
    // The cases about ADD tell it.
    return KxError.from(error).reason;
  } finally {
    await scope.dispose();
  }
}
