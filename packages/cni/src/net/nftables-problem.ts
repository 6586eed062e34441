import { KxError } from "@kx/core";
import { sharedNft } from "../nft/shared-nft.ts";

/** Why nftables cannot be used, in words, if so. */
export function nftablesProblem(): string | undefined {
  try {
    sharedNft().sets({ family: "inet", name: "kx" });
    return undefined;
  } catch (error) {
    return KxError.from(error).reason;
  }
}
