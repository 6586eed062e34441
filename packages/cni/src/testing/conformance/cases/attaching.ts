import type { JsonObject } from "@kx/core/contracts/cni";
import { notApplicable } from "@kx/core/testing";
import { failureOf, succeeded } from "../answers.ts";
import { fail } from "../failure.ts";
import { insideOf, type Pod } from "../pods.ts";
import { requireOwnInterface, requireRole, type Scope } from "../scope.ts";
import { contentsOf, difference } from "../snapshot.ts";
import type { ConformanceCase } from "./case.ts";
import { addThroughProbe, probeError, useProbe } from "./delegation.ts";

const always = "lo is always there";

async function checkIfKnown(scope: Scope, pod: Pod, when: string): Promise<void> {
  if (scope.lab.settings.config["cniVersion"] === "1.1.0") succeeded(await scope.call("CHECK", { pod }), when);
}

/** What is in the container, but for what the kernel puts there. */
async function insideContents(pod: Pod) {
  return pod.inside === undefined ? [] : await contentsOf(pod.inside, false);
}

/** DEL in some way that must succeed and bring back what was before the ADD. */
function del(name: string, title: string, act: (scope: Scope, pod: Pod) => Promise<void>): ConformanceCase {
  return {
    id: `P10.${name}`,
    title,
    async run(scope) {
      const before = await scope.snapshot();
      const pod = await scope.pod();
      await scope.add(pod);
      await act(scope, pod);
      // What the plug-ins before a chained one made goes with the namespace.
      if (scope.lab.settings.role === "chained") await pod.vanish();
      await scope.sameAs(before, "after DEL", "settles");
      await scope.add(await scope.pod({ containerId: pod.containerId }));
    },
  };
}

/** P8 to P11: attaching and taking away. */
export const attachingCases: readonly ConformanceCase[] = [
  {
    id: "P8.existing-interface",
    title: "ADD fails if the container has an interface of that name, and changes nothing",
    async run(scope) {
      requireRole(scope, "interface");
      requireOwnInterface(scope, always);
      const pod = await scope.pod();
      const inside = insideOf(pod);
      await inside.run("ip", "link", "add", pod.ifName, "type", "veth", "peer", "name", "kx-other");
      const [before, beforeInside] = [await scope.snapshot(), await insideContents(pod)];
      failureOf(await scope.call("ADD", { pod }), [], `with an interface ${pod.ifName} in the container`);
      const changed = difference(beforeInside, await insideContents(pod));
      if (changed !== "") fail(`the container's namespace is not as it was before:\n${changed}`);
      await scope.sameAs(before, "after the failed ADD");
    },
  },
  {
    id: "P9.second-add",
    title: "a second ADD of the same container and interface fails and leaves the first one's attachment alone",
    async run(scope) {
      requireRole(scope, "interface", "addresses");
      requireOwnInterface(scope, always);
      const pod = await scope.pod();
      await scope.add(pod);
      const [before, beforeInside] = [await scope.snapshot(), await insideContents(pod)];
      failureOf(await scope.call("ADD", { pod }), [], "of what was added before");
      const changed = difference(beforeInside, await insideContents(pod));
      if (changed !== "") fail(`the first one's namespace is not as it was before:\n${changed}`);
      await scope.sameAs(before, "after the second ADD");
      await checkIfKnown(scope, pod, "of the first ADD");
    },
  },
  {
    id: "P9.second-interface",
    title: "a second interface of a container is an attachment of its own",
    async run(scope) {
      requireOwnInterface(scope, always);
      const first = await scope.pod();
      const second = await scope.pod({ like: first, ifName: "kx1" });
      await scope.add(first);
      const before = await scope.snapshot();
      await scope.add(second);
      succeeded(await scope.call("DEL", { pod: second }), "of the second interface");
      await scope.sameAs(before, "after DEL of the second interface");
      await checkIfKnown(scope, first, "of the first interface after DEL of the second");
    },
  },
  del("releases", "DEL takes away all that ADD made, so that the same can be added again", async (scope, pod) => {
    const inside = await insideContents(pod);
    succeeded(await scope.call("DEL", { pod }));
    const left = await insideContents(pod);
    if (scope.lab.settings.role === "interface" && left.some((line) => `${line} `.startsWith(`link ${pod.ifName} `))) {
      fail(`${pod.ifName} is still in the container, which had ${inside.join(", ")}`);
    }
  }),
  del("twice", "a second DEL succeeds", async (scope, pod) => {
    succeeded(await scope.call("DEL", { pod }));
    succeeded(await scope.call("DEL", { pod }), "of what was deleted before");
  }),
  del(
    "empty-netns",
    "DEL without CNI_NETNS succeeds and releases what is outside of the container",
    async (scope, pod) => {
      succeeded(await scope.call("DEL", { pod, env: { CNI_NETNS: "" } }), "with an empty CNI_NETNS");
      await pod.vanish();
    },
  ),
  del("vanished-netns", "DEL of a container whose namespace is gone succeeds", async (scope, pod) => {
    await pod.vanish();
    succeeded(await scope.call("DEL", { pod }), "of a namespace that is gone");
  }),
  del("without-result", "DEL without prevResult succeeds", async (scope, pod) => {
    succeeded(await scope.call("DEL", { pod, config: { prevResult: undefined } }), "without prevResult");
  }),
  {
    id: "P10.never-added",
    title: "DEL of what was never added succeeds",
    async run(scope) {
      const pod = await scope.pod();
      const before = await scope.snapshot();
      succeeded(await scope.call("DEL", { pod }), "of what was never added");
      await scope.sameAs(before, "after DEL of what was never added");
    },
  },
  {
    id: "P10.delegate",
    title: "DEL without a namespace still reaches the delegate",
    async run(scope) {
      const { pod, config } = await addThroughProbe(scope);
      succeeded(await scope.call("DEL", { pod, config, env: { CNI_NETNS: "" } }), "with an empty CNI_NETNS");
      if (!scope.probe.calls().some(({ command }) => command === "DEL")) fail("the delegate's DEL was not called");
    },
  },
  {
    id: "P11.delegate",
    title: "an ADD that fails after its delegate's succeeded calls the delegate's DEL",
    async run(scope) {
      const config = useProbe(scope);
      // Some plug-ins see the interface before they ask for an address, others after that; no address is never enough.
      const pod = await scope.pod();
      await insideOf(pod).run("ip", "link", "add", pod.ifName, "type", "veth", "peer", "name", "kx-other");
      await failsAfterDelegate(scope, pod, config, "with an interface of that name in the container");
      scope.probe.gives({ cniVersion: config["cniVersion"], ips: [] });
      await failsAfterDelegate(scope, await scope.pod(), config, "with a delegate that gives no address");
    },
  },
  {
    id: "P11.delegate-garbled",
    title: "an ADD whose delegate succeeded with a result that cannot be read calls the delegate's DEL",
    async run(scope) {
      const config = useProbe(scope);
      scope.probe.gives({ cniVersion: config["cniVersion"], ips: [{ address: "10.0.0.300/64" }] });
      await failsAfterDelegate(scope, await scope.pod(), config, "with a delegate that gives no valid address");
      if (scope.probe.calls().length === 0) fail("the delegate was not called");
    },
  },
  {
    id: "P11.delegate-fails",
    title: "an ADD whose delegate fails leaves nothing behind",
    async run(scope) {
      const config = useProbe(scope);
      scope.probe.failsAt("ADD", probeError);
      const pod = await scope.pod();
      const [before, inside] = [await scope.snapshot(), await insideContents(pod)];
      failureOf(await scope.call("ADD", { pod, config }), [], "with a delegate that fails");
      await nothingLeft(scope, pod, before, inside);
    },
  },
  {
    id: "P11.full",
    title: "an ADD for which nothing is free any more leaves nothing behind",
    async run(scope) {
      const { config } = await fill(scope);
      const pod = await scope.pod();
      const [before, inside] = [await scope.snapshot(), await insideContents(pod)];
      failureOf(await scope.call("ADD", { pod, config }), [], "with nothing free");
      await nothingLeft(scope, pod, before, inside);
    },
  },
];

/** An ADD that must fail; where the delegate's ADD was called, its DEL must be too. */
async function failsAfterDelegate(scope: Scope, pod: Pod, config: JsonObject, when: string): Promise<void> {
  const [before, inside] = [await scope.snapshot(), await insideContents(pod)];
  const earlier = scope.probe.calls().length;
  failureOf(await scope.call("ADD", { pod, config }), [], when);
  const calls = scope.probe.calls().slice(earlier);
  const commands = calls.map(({ command }) => command);
  if (commands.includes("ADD") && commands.lastIndexOf("DEL") < commands.lastIndexOf("ADD")) {
    fail(`${when}, the delegate's DEL was not called after ${commands.join(", ")}`);
  }
  await nothingLeft(scope, pod, before, inside);
}

async function nothingLeft(
  scope: Scope,
  pod: Pod,
  before: readonly string[],
  inside: readonly string[],
): Promise<void> {
  const left = difference(inside, await insideContents(pod));
  if (left !== "") fail(`after the failed ADD, the container's namespace is not as it was before:\n${left}`);
  await scope.sameAs(before, "after the failed ADD");
}

/** Attaches as much as fits into the configuration that `full` tells. */
export async function fill(scope: Scope) {
  const { full } = scope.lab.settings.options;
  if (full === undefined) notApplicable("the option `full` is not given: a configuration in which few attachments fit");
  const config = { name: `${String(scope.lab.settings.config["name"])}-full`, ...full.config };
  const pods: Pod[] = [];
  for (let index = 0; index < full.fits; index++) {
    const pod = await scope.pod();
    await scope.add(pod, { config });
    pods.push(pod);
  }
  return { config, pods };
}
