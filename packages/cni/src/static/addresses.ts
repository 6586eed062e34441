import { KxError } from "@kx/core";
import type { PluginConfig } from "@kx/core/contracts/cni";
import { type Cidr, cidrContains, formatIp, type Ip, parseIpInCidr } from "@kx/core/units";
import { type Report, readAddress, unmapped } from "../host-local/address-range.ts";
import type { StaticConfig } from "./config.ts";

/** An address that is given, with the network that it is in. */
export interface GivenAddress {
  readonly ip: Ip;
  readonly cidr: Cidr;
  readonly gateway?: Ip;
}

/**
 * The addresses to give: those of `runtimeConfig`, else of `args.cni`, else of `ipam` and, behind them, of CNI_ARGS.
 *
 * @throws KxError `KX_CNI_CONFIG`, which names everything that is wrong.
 */
export function readAddresses(
  config: PluginConfig & StaticConfig,
  args: Readonly<Record<string, string>>,
): readonly GivenAddress[] {
  const problems: string[] = [];
  const report: Report = (problem) => void problems.push(problem);
  const all = [...configured(config, report), ...fromArgs(args["IP"], report)];
  const gateways = readGateways(args["GATEWAY"], report);
  const behind = all.map((given) => {
    const gateway = gateways.findLast((ip) => cidrContains(given.cidr, ip));
    return gateway === undefined ? given : { ...given, gateway };
  });
  const inArgs = list("args.cni.ips", config.args?.cni?.ips, report);
  const inRuntime = list("runtimeConfig.ips", config.runtimeConfig?.ips, report);
  const given = [inRuntime, inArgs].find((addresses) => addresses.length > 0) ?? behind;
  const isOld = config.cniVersion === "0.1.0" || config.cniVersion === "0.2.0";
  const families = given.map(({ ip }) => ip.family);
  if (isOld && new Set(families).size < families.length) {
    report(`CNI version ${config.cniVersion} does not support more than 1 address per family`);
  }
  if (problems.length === 0) return given;
  throw new KxError("KX_CNI_CONFIG", `the configuration is wrong: ${problems.join("; ")}`);
}

function configured({ ipam }: StaticConfig, report: Report): readonly GivenAddress[] {
  return (ipam.addresses ?? []).flatMap(({ address, gateway: text }, index) => {
    const name = `ipam.addresses[${index}]`;
    const given = read(`${name}.address`, address, report);
    const gateway = text === undefined || text === "" ? undefined : readAddress(text);
    if (text && gateway === undefined) report(`${name}.gateway ${JSON.stringify(text)} is no IP address`);
    return given.map((each) => (gateway === undefined ? each : { ...each, gateway }));
  });
}

const split = (text: string | undefined): readonly string[] => (text ? text.split(",").map((part) => part.trim()) : []);

const fromArgs = (text: string | undefined, report: Report): readonly GivenAddress[] =>
  list("IP of CNI_ARGS", split(text), report);

function readGateways(text: string | undefined, report: Report): readonly Ip[] {
  return split(text).flatMap((part) => {
    const ip = readAddress(part);
    if (ip === undefined) report(`GATEWAY of CNI_ARGS ${JSON.stringify(part)} is no IP address`);
    return ip ?? [];
  });
}

const list = (name: string, texts: readonly string[] = [], report: Report): readonly GivenAddress[] =>
  texts.flatMap((text) => read(name, text, report));

function read(name: string, text: string, report: Report): readonly GivenAddress[] {
  try {
    const { ip, cidr } = parseIpInCidr(text);
    if (unmapped(ip).family === ip.family) return [{ ip, cidr }];
    report(`${name} ${text} is an IPv4 address: write it as ${formatIp(unmapped(ip))}`);
  } catch {
    report(`${name} ${JSON.stringify(text)} is no address with the length of its prefix, such as 10.1.2.3/24`);
  }
  return [];
}
