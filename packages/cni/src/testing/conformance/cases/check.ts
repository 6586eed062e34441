import { notApplicable } from "@kx/core/testing";
import type { CniResult } from "../../../plugin/cni-plugin.ts";
import { failureOf, succeeded } from "../answers.ts";
import type { ConformanceOptions } from "../options.ts";
import { insideOf, type Pod } from "../pods.ts";
import { requireOwnInterface, requireRole, requireVersion, resultOf, type Scope } from "../scope.ts";
import type { ConformanceCase } from "./case.ts";

/** Attaches a container, breaks something, and wants CHECK to notice. */
function noticed(name: string, what: string, damage: (scope: Scope, pod: Pod) => Promise<void>): ConformanceCase {
  return {
    id: `P12.${name}`,
    title: `CHECK fails when ${what}`,
    async run(scope) {
      requireVersion(scope, "0.4.0");
      const pod = await scope.pod();
      await scope.add(pod);
      succeeded(await scope.call("CHECK", { pod }), "of what ADD made");
      await damage(scope, pod);
      failureOf(await scope.call("CHECK", { pod }), [], `when ${what}`);
    },
  };
}

function ofInterface(scope: Scope, pod: Pod) {
  requireRole(scope, "interface");
  requireOwnInterface(scope, "lo cannot be taken away");
  return insideOf(pod);
}

/** What ADD gave. */
async function givenBy(scope: Scope, pod: Pod): Promise<CniResult> {
  return await resultOf(scope.printedFor(pod));
}

/** P12, with a case for each of the damages that the options tell. */
export function checkCases({ damages = {} }: Pick<ConformanceOptions, "damages">): readonly ConformanceCase[] {
  return [
    {
      id: "P12.intact",
      title: "CHECK of what ADD made succeeds",
      async run(scope) {
        requireVersion(scope, "0.4.0");
        const pod = await scope.pod();
        await scope.add(pod);
        for (let times = 0; times < 2; times++) succeeded(await scope.call("CHECK", { pod }), "of what ADD made");
      },
    },
    {
      id: "P12.without-result",
      title: "CHECK without prevResult fails",
      async run(scope) {
        requireVersion(scope, "0.4.0");
        const pod = await scope.pod();
        await scope.add(pod);
        failureOf(await scope.call("CHECK", { pod, config: { prevResult: undefined } }), [], "without prevResult");
      },
    },
    {
      id: "P12.never-added",
      title: "CHECK of what was never added fails",
      async run(scope) {
        requireVersion(scope, "0.4.0");
        requireRole(scope, "interface", "addresses");
        requireOwnInterface(scope, "lo is always there");
        const [pod, never] = [await scope.pod(), await scope.pod()];
        const prevResult = await scope.add(pod);
        failureOf(await scope.call("CHECK", { pod: never, config: { prevResult } }), [], "of what was never added");
      },
    },
    noticed("interface", "the container's interface is gone", async (scope, pod) => {
      await ofInterface(scope, pod).run("ip", "link", "delete", pod.ifName);
    }),
    noticed("address", "an address is gone", async (scope, pod) => {
      const inside = ofInterface(scope, pod);
      const [ip] = (await givenBy(scope, pod)).ips ?? [];
      if (ip === undefined) notApplicable("ADD gives no address");
      await inside.run("ip", "address", "delete", ip.address, "dev", pod.ifName);
    }),
    noticed("route", "a route is gone", async (scope, pod) => {
      const inside = ofInterface(scope, pod);
      const [route] = (await givenBy(scope, pod)).routes ?? [];
      if (route === undefined) notApplicable("ADD gives no route");
      await inside.run("ip", route.dst.includes(":") ? "-6" : "-4", "route", "delete", route.dst);
    }),
    {
      id: "P12.extra-route",
      title: "CHECK tolerates a route that another plug-in added",
      async run(scope) {
        requireVersion(scope, "0.4.0");
        requireRole(scope, "interface", "chained");
        const pod = await scope.pod();
        await scope.add(pod);
        await insideOf(pod).run("ip", "route", "add", "198.51.100.0/24", "dev", pod.ifName);
        succeeded(await scope.call("CHECK", { pod }), "with a route more");
      },
    },
    ...Object.entries(damages).map(([name, damage]) =>
      noticed(`damage.${slugOf(name)}`, `${name} (told by the options)`, async (_scope, pod) => damage(pod)),
    ),
  ];
}

/** A name as a part of an id. */
function slugOf(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z\d]+/g, "-");
}
