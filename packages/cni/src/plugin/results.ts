import { KxError } from "@kx/core";
import {
  type CniResults,
  type CniVersion,
  cniResults,
  cniVersions,
  type FamilyConfig,
  type FullInterface,
  type FullRoute,
  type IpConfig,
  type JsonObject,
  type Result020,
  type Result040,
  type Result100,
  type Route,
} from "@kx/core/contracts/cni";
import type { CniResult } from "./cni-plugin.ts";
import { given } from "./given.ts";
import { describeIssues } from "./issues.ts";

/** The newest version, which handlers speak. */
export const newestVersion = "1.1.0" satisfies CniVersion;

/** True for a version that this package knows. */
export function isCniVersion(value: unknown): value is CniVersion {
  return cniVersions.some((version) => version === value);
}

/** Whether `version` is `least` or newer. */
export function isAtLeast(version: CniVersion, least: CniVersion): boolean {
  return cniVersions.indexOf(version) >= cniVersions.indexOf(least);
}

/**
 * Reads a result of any version into the newest form.
 *
 * @param assumed - the version of a result that names none: the configuration's.
 * @throws KxError `KX_CNI_RESULT`.
 */
export async function readResult(value: unknown, assumed: CniVersion): Promise<CniResult> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new KxError("KX_CNI_RESULT", "a result is no JSON object");
  }
  const plain = withoutNulls(value) as JsonObject;
  const named = plain["cniVersion"] ?? "";
  const version = named === "" ? assumed : named;
  if (!isCniVersion(version)) {
    throw new KxError("KX_CNI_RESULT", `a result has the version ${JSON.stringify(version)}`, {
      remedy: `known are ${cniVersions.join(", ")}`,
    });
  }
  return toNewest(await validated(plain, version), version);
}

/** A result in the form of a version, as a plug-in prints it. What a version cannot say is left out. */
export function writeResult<V extends CniVersion>(result: CniResult, version: V): CniResults[V];
export function writeResult(result: CniResult, version: CniVersion): CniResults[CniVersion] {
  if (version === newestVersion) return { ...result, cniVersion: version };
  if (!isAtLeast(version, "0.3.0"))
    return { cniVersion: version, ...toFamilies(result), ...given({ dns: result.dns }) };
  const { interfaces, ips, routes, dns } = result;
  const names = given({ interfaces: interfaces?.map(plainInterface) });
  const rest = given({ routes: routes?.map(plainRoute), dns });
  if (version === "1.0.0") return { cniVersion: version, ...names, ...given({ ips }), ...rest };
  const familyIps = ips?.map((ip) => ({ version: familyOf(ip.address), ...ip }));
  return { cniVersion: version, ...names, ...given({ ips: familyIps }), ...rest };
}

async function validated(value: unknown, version: CniVersion): Promise<CniResults[CniVersion]> {
  const checked = await cniResults[version]["~standard"].validate(value);
  if (checked.issues === undefined) return checked.value;
  const problems = describeIssues(checked.issues, value).join("; ");
  throw new KxError("KX_CNI_RESULT", `no result of version ${version}: ${problems}`);
}

function toNewest(result: CniResults[CniVersion], version: CniVersion): CniResult {
  if (isAtLeast(version, "1.0.0")) return { ...(result as Result100), cniVersion: newestVersion };
  if (!isAtLeast(version, "0.3.0")) return fromFamilies(result);
  const { ips, ...rest } = result as Result040;
  return { ...rest, ...given({ ips: ips?.map(({ version: _family, ...ip }) => ip) }), cniVersion: newestVersion };
}

function fromFamilies({ ip4, ip6, dns }: Result020): CniResult {
  const families = [ip4, ip6].filter((family) => family !== undefined);
  const ips = families.map(({ ip, gateway }) => ({ address: ip, ...given({ gateway }) }));
  const routes = families.flatMap((family) => family.routes ?? []);
  return {
    cniVersion: newestVersion,
    ...(ips.length > 0 ? { ips } : {}),
    ...(routes.length > 0 ? { routes } : {}),
    ...given({ dns }),
  };
}

/** The first address of each family, since these versions have no more, with the routes of that family. */
function toFamilies({ ips = [], routes = [] }: CniResult): Pick<Result020, "ip4" | "ip6"> {
  const family = (version: "4" | "6"): FamilyConfig | undefined => {
    const first = ips.find((ip) => familyOf(ip.address) === version);
    if (first === undefined) return undefined;
    const own = routes.filter((route) => familyOf(route.dst) === version).map(plainRoute);
    return {
      ip: first.address,
      ...given({ gateway: first.gateway }),
      ...(own.length > 0 ? { routes: own } : {}),
    };
  };
  return given({ ip4: family("4"), ip6: family("6") });
}

function plainInterface({ name, mac, sandbox }: FullInterface): FullInterface {
  return { name, ...given({ mac, sandbox }) };
}

function plainRoute({ dst, gw }: FullRoute): Route {
  return { dst, ...given({ gw }) };
}

function familyOf(address: IpConfig["address"]): "4" | "6" {
  return address.includes(":") ? "6" : "4";
}

/** Go's decoder takes null for whatever is absent, so plug-ins print it. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, item]) => (item === null ? [] : [[key, withoutNulls(item)]])),
  );
}
