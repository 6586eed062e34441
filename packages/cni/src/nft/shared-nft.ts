import { perNetns } from "../netlink/per-netns.ts";
import { type Nft, openNft } from "./nft.ts";

/**
 * This thread's socket for nftables in the network namespace that it is in; it stays open. To close such a socket takes 3 to
 * 15 ms after something was removed: the kernel then waits until nobody can see that any more.
 */
export const sharedNft: () => Nft = perNetns(() => openNft());
