import { setTimeout as sleep } from "node:timers/promises";
import { type CniCommand, cniVersions, type JsonObject } from "@kx/core/contracts/cni";
import { notApplicable } from "@kx/core/testing";
import type { CniResult } from "../../plugin/cni-plugin.ts";
import { isAtLeast, isCniVersion, readResult, writeResult } from "../../plugin/results.ts";
import type { TestNetns } from "../netns.ts";
import { buildCall } from "../plugin-call.ts";
import { type Answer, printedBy } from "./answers.ts";
import { fail } from "./failure.ts";
import type { Lab } from "./lab.ts";
import { makePod, makePreviousResult, type Pod } from "./pods.ts";
import type { Probe } from "./probe.ts";
import { contentsOf, difference, type Snapshot } from "./snapshot.ts";

/** What is particular about a call. */
export interface CallChange {
  readonly pod?: Pod;
  /** Fields of the configuration; undefined takes one away. */
  readonly config?: JsonObject;
  /** Variables; undefined takes one away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** What stands on standard input instead of a configuration. */
  readonly stdin?: string;
}

/** What one case works with. What it attached is deleted in the end. */
export interface Scope {
  readonly lab: Lab;
  readonly probe: Probe;
  /** A new container. */
  readonly pod: (identity?: {
    readonly containerId?: string;
    readonly ifName?: string;
    readonly like?: Pod;
  }) => Promise<Pod>;
  readonly call: (command: CniCommand, change?: CallChange) => Promise<Answer>;
  /** An ADD that must succeed. Gives what was printed. */
  add(pod: Pod, change?: Omit<CallChange, "pod">): Promise<JsonObject>;
  /** What the last ADD of a container printed. */
  printedFor(pod: Pod): JsonObject;
  /** What the plug-ins before a chained one gave for a container. */
  previousOf(pod: Pod): CniResult;
  /** What the plug-in has made, outside of containers. */
  snapshot(): Promise<Snapshot>;
  /** Ends the case unless all is as it was. `settles`: it may take a moment, as after a namespace's end. */
  sameAs(before: Snapshot, when: string, settles?: "settles"): Promise<void>;
  dispose(): Promise<void>;
}

/** Makes the scope of a case. */
export async function createScope(lab: Lab): Promise<Scope> {
  const { settings, probe } = lab;
  const linksBefore = await linksOf(settings.host);
  const pods: Pod[] = [];
  const added = new Map<Pod, CallChange>();
  const results = new Map<Pod, JsonObject>();
  const previous = new Map<Pod, CniResult>();

  async function call(command: CniCommand, change: CallChange = {}): Promise<Answer> {
    const { pod, env = {} } = change;
    const own = { ...settings.config, ...pod?.config };
    const before = pod && prevResultFor(command, pod, { ...own, ...change.config });
    const config = { ...own, ...before, ...change.config };
    const standIn = settings.isReal ? {} : { CNI_NETNS_OVERRIDE: "1" };
    const variables = { ...settings.options.env, ...(pod && standIn), ...env };
    const built = buildCall({ ...pod, command, config, path: settings.path, env: variables });
    if (pod !== undefined && command === "ADD") added.set(pod, change);
    const answer = await settings.call({ ...built, stdin: change.stdin ?? built.stdin });
    return { command, ...answer };
  }

  /** ADD of a chained plug-in gets what those before it gave; CHECK and DEL get what ADD gave. */
  function prevResultFor(command: CniCommand, pod: Pod, config: JsonObject): JsonObject {
    const printed = results.get(pod);
    if (command !== "ADD" && printed !== undefined) return { prevResult: printed };
    const before = previous.get(pod);
    const version = config["cniVersion"];
    if (before === undefined) return {};
    return { prevResult: writeResult(before, isCniVersion(version) ? version : "0.1.0") };
  }

  async function snapshot(): Promise<Snapshot> {
    const state = (await settings.options.state?.()) ?? [];
    const host = settings.host === undefined ? [] : await contentsOf(settings.host, settings.hasNft);
    return [...state, ...host];
  }

  return {
    lab,
    probe,
    call,
    snapshot,
    async pod({ containerId, ifName = settings.ifName, like } = {}) {
      const number = lab.nextNumber();
      const identity = {
        containerId: containerId ?? lab.containerId(number),
        ifName,
        config: settings.options.configOf?.(number) ?? {},
      };
      const pod: Pod =
        like === undefined
          ? await makePod({ ...identity, ...(settings.host && { host: settings.host }) }, settings.isReal)
          : { ...like, ...identity, containerId: containerId ?? like.containerId };
      pods.push(pod);
      if (settings.role === "chained") {
        const given = settings.options.prevResult ?? ((each) => makePreviousResult(each, number));
        previous.set(pod, await given(pod));
      }
      return pod;
    },
    printedFor: (pod) => results.get(pod) ?? fail("nothing was added"),
    previousOf: (pod) => previous.get(pod) ?? { cniVersion: "1.1.0" },
    async add(pod, change = {}) {
      const printed = printedBy(await call("ADD", { ...change, pod }));
      results.set(pod, printed);
      return printed;
    },
    async sameAs(before, when, settles) {
      const deadline = performance.now() + (settles === undefined ? 0 : settings.settleMs);
      for (;;) {
        const found = difference(before, await snapshot());
        if (found === "") return;
        // Pairs go with a namespace, and with them their addresses and routes; nothing else goes by itself.
        const mayGo = /^left: (link \S+ veth$|address |route )/m.test(found);
        if (!mayGo || performance.now() >= deadline) fail(`${when}, something is not as it was before:\n${found}`);
        await sleep(20);
      }
    },
    async dispose() {
      // The case may have failed just because these fail.
      for (const [pod, change] of added) await call("DEL", { ...change, pod }).catch(() => undefined);
      for (const pod of pods) await pod.vanish();
      probe.reset();
      // The host's end of a link goes a moment after its namespace, and must not go during the next case.
      const deadline = performance.now() + settings.settleMs;
      while ((await linksOf(settings.host)).some((link) => !linksBefore.includes(link))) {
        if (performance.now() >= deadline) return;
        await sleep(10);
      }
    },
  };
}

/** The links whose other end is in a container. */
async function linksOf(host: TestNetns | undefined): Promise<readonly string[]> {
  const links = (await host?.links()) ?? [];
  return links.filter(({ linkinfo }) => linkinfo?.info_kind === "veth").map(({ ifname }) => ifname);
}

/** A printed result in the newest form. */
export async function resultOf(printed: JsonObject): Promise<CniResult> {
  return await readResult(printed, "0.1.0");
}

/** Ends the case if the plug-in has none of the roles. */
export function requireRole({ lab }: Scope, ...roles: readonly string[]): void {
  const { role } = lab.settings;
  if (!roles.includes(role)) notApplicable(`it is about plug-ins for ${roles.join(" and ")}, and this one is ${role}`);
}

/** Ends the case if the plug-in or its configuration does not have a version. */
export function requireVersion({ lab }: Scope, least: (typeof cniVersions)[number]): void {
  const version = cniVersions.find((one) => one === lab.settings.config["cniVersion"]) ?? "0.1.0";
  if (!isAtLeast(version, least))
    notApplicable(`it is about version ${least} and newer, and the configuration's is ${version}`);
}

/** Ends the case for `lo`, which is always there. */
export function requireOwnInterface({ lab }: Scope, why: string): void {
  if (lab.settings.ifName === "lo") notApplicable(why);
}
