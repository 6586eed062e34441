import { cniErrorCodes, type JsonObject } from "@kx/core/contracts/cni";
import { failureOf, printedBy, succeeded } from "../answers.ts";
import { fail } from "../failure.ts";
import type { Pod } from "../pods.ts";
import { requireOwnInterface, requireRole, resultOf, type Scope } from "../scope.ts";
import type { ConformanceCase } from "./case.ts";

const ownNetns = "/proc/self/ns/net";
const atOnce = 8;

async function pods(scope: Scope, count: number): Promise<readonly Pod[]> {
  const made: Pod[] = [];
  while (made.length < count) made.push(await scope.pod());
  return made;
}

async function checked(scope: Scope, pod: Pod, when: string): Promise<void> {
  if (scope.lab.settings.config["cniVersion"] === "1.1.0") succeeded(await scope.call("CHECK", { pod }), when);
}

/** P16 to P18: calls at once, what is not known, and the plug-in's own namespace. */
export const togetherCases: readonly ConformanceCase[] = [
  {
    id: "P16.many",
    title: "containers are added at once, each with addresses of its own, and deleted at once",
    async run(scope) {
      const all = await pods(scope, atOnce);
      const before = await scope.snapshot();
      const results = await Promise.all(all.map(async (pod) => resultOf(await scope.add(pod))));
      const addresses = results.flatMap(({ ips = [] }) => ips.map(({ address }) => address));
      const kinds = new Set(addresses).size;
      // A plug-in may give the same to all; but not the same to some.
      const isFixed = kinds * atOnce === addresses.length;
      if (scope.lab.settings.role !== "chained" && !isFixed && kinds < addresses.length) {
        fail(`some containers have the same address: ${addresses.toSorted().join(", ")}`);
      }
      for (const pod of all) await checked(scope, pod, "of what was added at once with others");
      const deleted = await Promise.all(all.map((pod) => scope.call("DEL", { pod })));
      for (const answer of deleted) succeeded(answer, "at once with others");
      await scope.sameAs(before, "after all were deleted", "settles");
    },
  },
  {
    id: "P16.one-container",
    title: "of ADDs of one container and interface at once, one wins and stays whole",
    async run(scope) {
      requireRole(scope, "interface", "addresses");
      requireOwnInterface(scope, "lo is always there");
      const pod = await scope.pod();
      const answers = await Promise.all(Array.from({ length: 5 }, () => scope.call("ADD", { pod })));
      const won = answers.filter(({ exitCode }) => exitCode === 0);
      if (won.length !== 1) fail(`${won.length} of ${answers.length} ADDs at once succeeded, not one`);
      for (const answer of answers) if (answer.exitCode !== 0) failureOf(answer);
      const prevResult = printedBy(won[0] ?? fail("no ADD succeeded"));
      if (scope.lab.settings.config["cniVersion"] === "1.1.0") {
        succeeded(await scope.call("CHECK", { pod, config: { prevResult } }), "of the ADD that won");
      }
    },
  },
  {
    id: "P17.unknown-fields",
    title: "fields that are not known, capabilities, args and cni.dev/* are let through",
    async run(scope) {
      const pod = await scope.pod();
      const { args, capabilities, runtimeConfig }: JsonObject = { ...scope.lab.settings.config, ...pod.config };
      const config = {
        unknown: [1, { deep: null }],
        "com.example/unknown": { a: true },
        "cni.dev/unknown": "a",
        capabilities: { "com.example.unknown": true, ...(capabilities as object) },
        runtimeConfig: { "com.example.unknown": { a: 1 }, ...(runtimeConfig as object) },
        args: { "com.example": { a: 1 }, ...(args as object) },
      };
      const env = { CNI_ARGS: "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web", UNKNOWN: "1" };
      await scope.add(pod, { config, env });
      await checked(scope, pod, "with fields that are not known");
      succeeded(await scope.call("DEL", { pod, config, env }), "with fields that are not known");
    },
  },
  {
    id: "P18.own-namespace",
    title: "ADD into the plug-in's own namespace fails with code 8",
    async run(scope) {
      const pod = await scope.pod();
      const before = await scope.snapshot();
      const env = { CNI_NETNS: ownNetns, CNI_NETNS_OVERRIDE: undefined };
      failureOf(await scope.call("ADD", { pod, env }), [cniErrorCodes.badNetns], "into the plug-in's own namespace");
      await scope.sameAs(before, "after the failed ADD");
    },
  },
  {
    id: "P18.override",
    title: "CNI_NETNS_OVERRIDE lets the plug-in's own namespace through",
    async run(scope) {
      requireRole(scope, "addresses");
      const pod = await scope.pod();
      for (const override of ["1", "true"]) {
        const env = { CNI_NETNS: ownNetns, CNI_NETNS_OVERRIDE: override };
        succeeded(await scope.call("ADD", { pod, env }), `with CNI_NETNS_OVERRIDE=${override}`);
        succeeded(await scope.call("DEL", { pod, env }), `with CNI_NETNS_OVERRIDE=${override}`);
      }
    },
  },
];
