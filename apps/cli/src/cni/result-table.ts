import type { CniResult } from "@kx/cni/runtime";
import { table } from "../table.ts";

/** What a container got, as tables. Pure. */
export function resultTable({ interfaces = [], ips = [], routes = [], dns }: CniResult): string {
  const none = "<none>";
  const parts = [
    section(
      ["interface", "mac", "mtu", "namespace"],
      interfaces.map(({ name, mac, mtu, sandbox }) => [
        name,
        mac || none,
        mtu?.toString() ?? none,
        sandbox || "<node>",
      ]),
    ),
    section(
      ["address", "gateway", "interface"],
      ips.map(({ address, gateway, interface: index }) => [
        address,
        gateway ?? none,
        index === undefined ? none : (interfaces[index]?.name ?? none),
      ]),
    ),
    section(
      ["route", "gateway"],
      routes.map(({ dst, gw }) => [dst, gw ?? none]),
    ),
    section(
      ["name server", "domain", "search"],
      (dns?.nameservers ?? []).map((server) => [server, dns?.domain ?? none, dns?.search?.join(" ") || none]),
    ),
  ].filter((part) => part !== "");
  return parts.length === 0 ? "the plug-ins gave an empty result" : parts.join("\n\n");
}

function section(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  return rows.length === 0 ? "" : table(headings, rows);
}
