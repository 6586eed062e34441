import { errnoOf, type Request } from "../netlink/exchange.ts";
import { messageFlags } from "../netlink/message.ts";
import type { Nft } from "../nft/nft.ts";

/** `EEXIST` if it is there. */
export function exclusive(request: Request): Request {
  return { ...request, flags: request.flags | messageFlags.exclusive };
}

/** Makes something with an exclusive part, unless another has made it. */
export function makeOnce(nft: Nft, requests: readonly Request[]): void {
  try {
    nft.transact(...requests);
  } catch (error) {
    if (errnoOf(error) !== "EEXIST") throw error;
  }
}
