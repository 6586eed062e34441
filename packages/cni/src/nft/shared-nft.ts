import { statSync } from "node:fs";
import { type Nft, openNft } from "./nft.ts";

let shared: { readonly nft: Nft; readonly inode: number } | undefined;

/**
 * This thread's socket for nftables in the network namespace that it is in; it stays open. To close such a socket takes 3 to
 * 15 ms after something was removed: the kernel then waits until nobody can see that any more.
 */
export function sharedNft(): Nft {
  const inode = statSync("/proc/thread-self/ns/net").ino;
  if (shared?.inode === inode) return shared.nft;
  // An open socket keeps its namespace, so that no other can have got its number.
  shared?.nft[Symbol.dispose]();
  shared = { nft: openNft(), inode };
  return shared.nft;
}
