import { createHash } from "node:crypto";
import { KxError } from "@kx/core";

/** Where a list goes on. */
export interface PagePlace {
  /** Whose the key is: the driver's own token, or the key of the last entry where the kit has cut the list. */
  readonly by: "driver" | "kit";
  readonly key: string;
}

const checkDigits = 8;

/**
 * A token that tells where a list goes on. It holds nothing but the place and a check over it and the list, so that it stays
 * good while entries come and go, and over a restart.
 *
 * @param list - the method, and what the list is filtered by.
 */
export function pageToken(list: string, place: PagePlace): string {
  return checkOf(list, place) + place.by[0] + Buffer.from(place.key).toString("base64url");
}

/**
 * The place in a token; undefined for none, at the beginning of a list.
 *
 * @throws KxError `KX_CSI_TOKEN`.
 */
export function placeOfToken(list: string, token: string): PagePlace | undefined {
  if (token === "") return undefined;
  const key = Buffer.from(token.slice(checkDigits + 1), "base64url").toString();
  const place: PagePlace = { by: token[checkDigits] === "k" ? "kit" : "driver", key };
  if (pageToken(list, place) === token) return place;
  throw new KxError("KX_CSI_TOKEN", "starting_token is none that this list gave", {
    remedy: "begin the list again without a token",
  });
}

function checkOf(list: string, { by, key }: PagePlace): string {
  return createHash("sha256").update(`${list}\0${by}\0${key}`).digest("base64url").slice(0, checkDigits);
}
