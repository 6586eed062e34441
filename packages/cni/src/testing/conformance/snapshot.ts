import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { KxError } from "@kx/core";
import type { TestNetns } from "../netns.ts";

/** What a plug-in may have made, as lines to compare. */
export type Snapshot = readonly string[];

/** The links, addresses, routes and nftables' rules of a namespace, as lines. */
export async function contentsOf(netns: TestNetns, hasNft: boolean): Promise<Snapshot> {
  const links = await netns.links();
  // Links come and go: an address counts only with its link.
  const names = new Set(links.map(({ ifname }) => ifname));
  const shown = JSON.parse((await netns.run("ip", "-json", "address")) || "[]") as readonly ShownAddresses[];
  const addresses = shown.flatMap(({ ifname, addr_info = [] }) =>
    addr_info
      .filter(({ scope }) => scope === "global" && names.has(ifname))
      .map(({ local, prefixlen }) => `address ${local}/${prefixlen} on ${ifname}`),
  );
  const routes = [...(await netns.routes(4)), ...(await netns.routes(6))].map((route) => `route ${route}`);
  const rules = hasNft ? rulesOf(await netns.run("nft", "--json", "--stateless", "list", "ruleset")) : [];
  return [
    ...links.map(({ ifname, linkinfo }) => `link ${ifname} ${linkinfo?.info_kind ?? ""}`.trim()),
    ...addresses,
    ...routes,
    ...rules,
  ].toSorted();
}

interface ShownAddresses {
  readonly ifname: string;
  readonly addr_info?: readonly { readonly local: string; readonly prefixlen: number; readonly scope: string }[];
}

/** Rules without what changes when they are made anew. */
function rulesOf(json: string): Snapshot {
  const { nftables } = JSON.parse(json || '{"nftables":[]}') as { readonly nftables: readonly object[] };
  return nftables.filter((item) => !("metainfo" in item)).map((item) => `nft ${JSON.stringify(item, plain)}`);
}

function plain(key: string, value: unknown): unknown {
  if (key === "handle" || key === "index") return undefined;
  if (key === "elem" && Array.isArray(value)) return value.map((item) => JSON.stringify(item)).toSorted();
  return value;
}

/** Whether nft is there to be asked. */
export async function hasNftables(netns: TestNetns): Promise<boolean> {
  try {
    await netns.run("nft", "--version");
    return true;
  } catch (error) {
    if (KxError.is(error)) return false;
    throw error;
  }
}

/** What is in one snapshot and not in the other, as a text; empty if they are the same. */
export function difference(before: Snapshot, after: Snapshot): string {
  const left = after.filter((line) => !before.includes(line)).map((line) => `left: ${line}`);
  const lost = before.filter((line) => !after.includes(line)).map((line) => `lost: ${line}`);
  return [...left, ...lost].join("\n");
}

/**
 * The files below a folder as lines, for `state` of the conformance suite.
 *
 * @param ignored - files that are no state of an attachment, by name: such as a lock.
 */
export function stateOfFolder(folder: string, ignored: RegExp = /^$/): () => readonly string[] {
  return () => {
    const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile() && !ignored.test(entry.name));
    return files
      .map(({ parentPath, name }) => `file ${join(parentPath, name)}: ${read(join(parentPath, name))}`)
      .toSorted();
  };
}

function read(path: string): string {
  return JSON.stringify(readFileSync(path, "utf8").slice(0, 200));
}
