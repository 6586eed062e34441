import { cniErrorCodes, type JsonObject } from "@kx/core/contracts/cni";
import { notApplicable } from "@kx/core/testing";
import { failureOf, succeeded } from "../answers.ts";
import { fail } from "../failure.ts";
import type { Pod } from "../pods.ts";
import { requireVersion, type Scope } from "../scope.ts";
import { fill } from "./attaching.ts";
import type { ConformanceCase } from "./case.ts";
import { addThroughProbe, probeError } from "./delegation.ts";

const { notAvailable, limitedConnectivity } = cniErrorCodes;
const key = "cni.dev/valid-attachments";

const listOf = (...pods: readonly Pod[]): JsonObject => ({
  [key]: pods.map(({ containerId, ifName }) => ({ containerID: containerId, ifname: ifName })),
});

/** The container's end, where the plug-in's own traces are outside of it; else its attachment alone is out of use. */
async function leaveUnused(scope: Scope, pod: Pod): Promise<void> {
  if (scope.lab.settings.role === "interface") await pod.vanish();
}

/** Attaches two containers, makes the second unused, and wants GC to take just that away. */
async function collects(scope: Scope, listed: (kept: Pod) => JsonObject, keeps: boolean, when: string): Promise<void> {
  requireVersion(scope, "1.1.0");
  const [kept, unused] = [await scope.pod(), await scope.pod()];
  if (keeps) await scope.add(kept);
  const before = await scope.snapshot();
  await scope.add(unused);
  await leaveUnused(scope, unused);
  succeeded(await scope.call("GC", { config: listed(kept) }), when);
  await scope.sameAs(before, `after GC ${when}`, "settles");
  if (keeps) succeeded(await scope.call("CHECK", { pod: kept }), `of what is listed, after GC ${when}`);
  // What was collected is free again.
  await scope.add(await scope.pod({ containerId: unused.containerId }));
}

/** P14 and P15: GC and STATUS. */
export const collectingCases: readonly ConformanceCase[] = [
  {
    id: "P14.unlisted",
    title: "GC removes what is not listed, and leaves what is",
    run: (scope) => collects(scope, listOf, true, "with a list"),
  },
  {
    id: "P14.empty",
    title: "GC with an empty list removes all",
    run: (scope) => collects(scope, () => listOf(), false, "with an empty list"),
  },
  {
    id: "P14.null",
    title: "GC with null for the list, as Go writes an empty one, removes all",
    run: (scope) => collects(scope, () => ({ [key]: null }), false, "with null for the list"),
  },
  {
    id: "P14.without-list",
    title: "GC without a list succeeds and leaves what is alive",
    async run(scope) {
      requireVersion(scope, "1.1.0");
      const pod = await scope.pod();
      await scope.add(pod);
      const before = await scope.snapshot();
      succeeded(await scope.call("GC"), "without a list");
      await scope.sameAs(before, "after GC without a list");
      succeeded(await scope.call("CHECK", { pod }), "after GC without a list");
    },
  },
  {
    id: "P14.other-network",
    title: "GC leaves other networks' attachments alone",
    async run(scope) {
      requireVersion(scope, "1.1.0");
      const { config, options } = scope.lab.settings;
      const other = { name: `${String(config["name"])}-other`, ...options.otherNetwork };
      const [kept, collected] = [await scope.pod(), await scope.pod()];
      // What the other network makes once and keeps is no leak.
      await scope.add(collected, { config: other });
      succeeded(await scope.call("DEL", { pod: collected, config: other }), "in another network");
      await scope.add(kept);
      const before = await scope.snapshot();
      await scope.add(collected, { config: other });
      await leaveUnused(scope, collected);
      succeeded(await scope.call("GC", { config: { ...other, ...listOf() } }), "of another network");
      const after = await scope.snapshot();
      const lost = before.filter((line) => !after.includes(line));
      if (lost.length > 0) fail(`GC of another network took away:\n${lost.join("\n")}`);
      succeeded(await scope.call("CHECK", { pod: kept }), "after GC of another network");
    },
  },
  {
    id: "P14.goes-on",
    title: "GC goes on after its delegate failed, and tells of that",
    async run(scope) {
      requireVersion(scope, "1.1.0");
      const before = await scope.snapshot();
      const { config, pod } = await addThroughProbe(scope);
      await pod.vanish();
      scope.probe.failsAt("GC", probeError);
      failureOf(await scope.call("GC", { config: { ...config, ...listOf() } }), [], "with a delegate that fails");
      await scope.sameAs(before, "after a GC whose delegate failed", "settles");
    },
  },
  {
    id: "P15.ready",
    title: "STATUS succeeds while ADD works",
    async run(scope) {
      requireVersion(scope, "1.1.0");
      await scope.add(await scope.pod());
      succeeded(await scope.call("STATUS"), "while ADD works");
    },
  },
  {
    id: "P15.add-alone",
    title: "ADD works without a STATUS before it",
    async run(scope) {
      await scope.add(await scope.pod());
    },
  },
  {
    id: "P15.full",
    title: "STATUS fails with code 50 or 51 when nothing is free any more",
    async run(scope) {
      requireVersion(scope, "1.1.0");
      const { config, pods } = await fill(scope);
      failureOf(await scope.call("STATUS", { config }), [notAvailable, limitedConnectivity], "with nothing free");
      for (const pod of pods) succeeded(await scope.call("DEL", { pod, config }));
      succeeded(await scope.call("STATUS", { config }), "after all was deleted");
    },
  },
  {
    id: "P15.unavailable",
    title: "STATUS fails with code 50 or 51 while ADD cannot work",
    async run(scope) {
      requireVersion(scope, "1.1.0");
      const { unavailable } = scope.lab.settings.options;
      if (unavailable === undefined)
        notApplicable("the option `unavailable` is not given, which would bring this about");
      await using _ = await unavailable();
      failureOf(await scope.call("STATUS"), [notAvailable, limitedConnectivity], "while ADD cannot work");
    },
  },
];
