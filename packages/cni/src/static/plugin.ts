import { KxError } from "@kx/core";
import { compareIps, formatCidr, formatIp, parseIp, parseIpInCidr } from "@kx/core/units";
import type { CniPlugin, CniResult } from "../plugin/cni-plugin.ts";
import { defineCniPlugin } from "../plugin/define-plugin.ts";
import { type GivenAddress, readAddresses } from "./addresses.ts";
import { type StaticConfig, staticConfig } from "./config.ts";

type ResultIp = NonNullable<CniResult["ips"]>[number];

/** Address management that gives what the configuration says, and keeps no state. */
export function createStatic(): CniPlugin<StaticConfig> {
  return defineCniPlugin<StaticConfig>({
    name: "kx-static",
    config: staticConfig,
    async add({ args, config }) {
      const { routes, dns } = config.ipam;
      const ips = readAddresses(config, args).map(toIp);
      return { ips, ...(routes && { routes }), ...(dns && { dns }) };
    },
    async del() {
      // Nothing was made.
    },
    async check({ args, config, ifName, prevResult }) {
      for (const given of readAddresses(config, args)) checkGiven(given, prevResult?.ips ?? [], ifName);
    },
    async status({ config }) {
      readAddresses(config, {});
    },
    async gc() {
      // There is no state.
    },
  });
}

function toIp({ ip, cidr, gateway }: GivenAddress): ResultIp {
  const address = formatCidr({ base: ip, prefix: cidr.prefix });
  return { address, ...(gateway && { gateway: formatIp(gateway) }) };
}

/** Each address must still be there, with its gateway. */
function checkGiven(given: GivenAddress, ips: readonly ResultIp[], ifName: string): void {
  const { address, gateway } = toIp(given);
  const found = ips.find((each) => compareIps(parseIpInCidr(each.address).ip, given.ip) === 0);
  const hasGateway = (each: ResultIp) =>
    given.gateway === undefined || (each.gateway && compareIps(parseIp(each.gateway), given.gateway) === 0);
  if (found !== undefined && hasGateway(found)) return;
  const what = found === undefined ? `has not ${address}` : `has ${address} without its gateway ${gateway}`;
  throw new KxError("KX_CNI_LEASE_MISSING", `${ifName} ${what}`, {
    remedy: "delete the attachment and add it again",
  });
}
