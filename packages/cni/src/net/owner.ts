import { hash } from "node:crypto";
import { KxError } from "@kx/core";

/** Whose attachment something in the kernel belongs to. */
export interface Owner {
  readonly network: string;
  readonly containerId: string;
  readonly ifName: string;
}

const commentBytes = 127;
const aliasBytes = 256;

/**
 * The owner in the comment of a set's element, by which DEL and GC know it again: readable, unless it is too long for that.
 * The network comes first and none contains a space.
 */
export function ownerComment({ network, containerId, ifName }: Owner): string {
  const text = `${network} ${containerId} ${ifName}`;
  if (text.length <= commentBytes) return text;
  return `${shortHash(network, 16)} ${shortHash(`${containerId} ${ifName}`, 32)}`;
}

/** Whether a comment was made for an attachment of that network. */
export function isOfNetwork(comment: string | undefined, network: string): boolean {
  if (comment === undefined) return false;
  return comment.startsWith(`${network} `) || comment.startsWith(`${shortHash(network, 16)} `);
}

/** The host's end of an attachment's interface: always the same name, so that DEL needs nothing but the call itself. */
export function hostEndName(owner: Owner): string {
  return `veth${shortHash(`${owner.network} ${owner.containerId} ${owner.ifName}`, 11)}`;
}

/** Whether a link's name is one that `hostEndName` gives. */
export function isHostEndName(name: string): boolean {
  return /^veth[0-9a-f]{11}$/.test(name);
}

/** The owner as the alias of the host's end, by which GC finds out whose it is; undefined if it is too long for that. */
export function ownerAlias({ network, containerId, ifName }: Owner): string | undefined {
  const text = `kx ${network} ${containerId} ${ifName}`;
  return Buffer.byteLength(text) < aliasBytes ? text : undefined;
}

/** The owner of an alias that `ownerAlias` has given. */
export function readOwnerAlias(alias: string | undefined): Owner | undefined {
  const [mark, network, containerId, ifName, ...more] = alias?.split(" ") ?? [];
  if (mark !== "kx" || network === undefined || containerId === undefined || ifName === undefined) return undefined;
  return more.length === 0 ? { network, containerId, ifName } : undefined;
}

/** The error of doing again what was done for an attachment that is still there. */
export function alreadyMade({ ifName, containerId, network }: Owner, what: string): KxError {
  return new KxError("KX_CNI_INTERFACE", `${ifName} of ${containerId} in ${network} ${what} already`, {
    remedy: "delete the attachment before it is added again",
  });
}

/** Hexadecimal digits that stand for a text. */
export function shortHash(text: string, digits: number): string {
  return hash("sha256", text).slice(0, digits);
}
