import { type CniVersion, cniResults, cniVersions, type JsonObject } from "@kx/core/contracts/cni";
import type { CniResult } from "../../../plugin/cni-plugin.ts";
import { isAtLeast } from "../../../plugin/results.ts";
import { succeeded } from "../answers.ts";
import { fail } from "../failure.ts";
import { requireRole, resultOf, type Scope } from "../scope.ts";
import type { ConformanceCase } from "./case.ts";
import { requireListed } from "./environment.ts";

/** P6: ADD with a configuration of a version prints a result of that version, and of no other's shape. */
function ofVersion(version: CniVersion): ConformanceCase {
  return {
    id: `P6.${version}`,
    title: `a configuration of version ${version} has a result of version ${version}`,
    async run(scope) {
      await requireListed(scope, version);
      const pod = await scope.pod();
      const printed = await scope.add(pod, { config: { cniVersion: version } });
      const checked = await cniResults[version]["~standard"].validate(withoutNulls(printed));
      if (checked.issues !== undefined) fail(`it is no result of ${version}: ${checked.issues[0]?.message}`);
      if (printed["cniVersion"] !== version) fail(`the result's cniVersion is ${String(printed["cniVersion"])}`);
      const odd = shapeProblem(printed, version);
      if (odd !== undefined) fail(`a result of ${version} ${odd}: ${JSON.stringify(printed)}`);
      succeeded(await scope.call("DEL", { pod, config: { cniVersion: version } }));
    },
  };
}

/** What the schemas, which let unknown fields through, cannot tell. */
function shapeProblem(printed: JsonObject, version: CniVersion): string | undefined {
  if (!isAtLeast(version, "0.3.0")) {
    const late = ["ips", "interfaces", "routes"].find((key) => printed[key] !== undefined && printed[key] !== null);
    return late === undefined ? undefined : `has ${late}, which later versions have`;
  }
  if (printed["ip4"] !== undefined || printed["ip6"] !== undefined)
    return "has ip4 or ip6, which only 0.1 and 0.2 have";
  const ips = Array.isArray(printed["ips"]) ? (printed["ips"] as readonly JsonObject[]) : [];
  const hasFamily = ips.some(({ version: family }) => family !== undefined);
  const needsFamily = !isAtLeast(version, "1.0.0");
  if (needsFamily && ips.some(({ version: family }) => family !== "4" && family !== "6")) return "lacks ips[].version";
  return !needsFamily && hasFamily ? "has ips[].version, which only 0.3 and 0.4 have" : undefined;
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value).flatMap(([key, item]) => (item === null ? [] : [[key, withoutNulls(item)]]));
  return Object.fromEntries(kept);
}

async function added(
  scope: Scope,
): Promise<{ readonly result: CniResult; readonly netns: string; readonly ifName: string }> {
  const pod = await scope.pod();
  return { result: await resultOf(await scope.add(pod)), netns: pod.netns, ifName: pod.ifName };
}

/** What of a result is not in another. Both in the newest form. */
function lostOf(before: CniResult, after: CniResult): readonly string[] {
  const ips = (before.ips ?? []).filter(({ address }) => !(after.ips ?? []).some((ip) => ip.address === address));
  const interfaces = (before.interfaces ?? []).filter(
    ({ name, sandbox = "" }) =>
      !(after.interfaces ?? []).some((one) => one.name === name && (one.sandbox ?? "") === sandbox),
  );
  const routes = (before.routes ?? []).filter(({ dst, gw }) => {
    return !(after.routes ?? []).some((route) => route.dst === dst && route.gw === gw);
  });
  const servers = (before.dns?.nameservers ?? []).filter((server) => !(after.dns?.nameservers ?? []).includes(server));
  return [
    ...ips.map(({ address }) => `the address ${address}`),
    ...interfaces.map(({ name }) => `the interface ${name}`),
    ...routes.map(({ dst }) => `the route to ${dst}`),
    ...servers.map((server) => `the name server ${server}`),
  ];
}

/** P6 and P7: what ADD prints. */
export const resultCases: readonly ConformanceCase[] = [
  ...cniVersions.map(ofVersion),
  {
    id: "P6.addresses-alone",
    title: "a plug-in for addresses gives at least one, and neither interfaces nor ips[].interface",
    async run(scope) {
      requireRole(scope, "addresses");
      const { result } = await added(scope);
      if ((result.ips ?? []).length === 0) fail("the result has no address");
      if ((result.interfaces ?? []).length > 0) fail("the result has interfaces");
      if ((result.ips ?? []).some((ip) => ip.interface !== undefined)) fail("an address names an interface");
    },
  },
  {
    id: "P6.interfaces",
    title: "the result has the container's interface in its namespace, and addresses name that interface",
    async run(scope) {
      requireRole(scope, "interface");
      const { result, netns, ifName } = await added(scope);
      const { interfaces = [], ips = [] } = result;
      const own = interfaces.findIndex(({ name, sandbox }) => name === ifName && sandbox === netns);
      if (own < 0) fail(`no interface ${ifName} with the sandbox ${netns}: ${JSON.stringify(interfaces)}`);
      const stray = ips.find((ip) => ip.interface === undefined || interfaces[ip.interface]?.sandbox !== netns);
      if (stray !== undefined) fail(`the address ${stray.address} is of no interface in the container`);
    },
  },
  {
    id: "P7.kept",
    title: "a chained plug-in passes on all that the plug-ins before it gave",
    async run(scope) {
      requireRole(scope, "chained");
      const pod = await scope.pod();
      const before = scope.previousOf(pod);
      const lost = lostOf(before, await resultOf(await scope.add(pod)));
      if (lost.length > 0) fail(`the result has lost ${lost.join(" and ")}`);
    },
  },
];
