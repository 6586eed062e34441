import { readFile } from "node:fs/promises";
import { type Clock, KxError } from "@kx/core";
import type { ClientConfig } from "../config.ts";

/** The kubelet renews a pod's token well before it ends; a minute is what client-go waits too. */
const rereadMs = 60_000;

/** A bearer token that is read again and again from a file. */
export function tokenFile(path: string, clock: Clock): NonNullable<ClientConfig["credentials"]> {
  let token: string | undefined;
  let readAt = 0;
  return async ({ refresh }) => {
    if (token === undefined || refresh || clock.now() - readAt >= rereadMs) {
      try {
        token = (await readFile(path, "utf8")).trim();
        readAt = clock.now();
      } catch (cause) {
        // A token that is just being replaced is missing for a moment; the old one still holds.
        if (token === undefined) {
          throw new KxError("KX_KUBECONFIG_INVALID", `cannot read the token file ${path}`, {
            cause,
            remedy: "correct tokenFile in the kubeconfig, or mount the service account's token",
          });
        }
      }
    }
    return { headers: { authorization: `Bearer ${token}` } };
  };
}
