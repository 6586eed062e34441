import { stringify } from "yaml";
import type { KeyPair } from "./pki.ts";

/** A kubeconfig (v1) with one cluster, one user, known by a certificate or a token, and everything embedded. */
export function kubeconfig(
  server: string,
  ca: string,
  user: string,
  known: KeyPair | { readonly token: string },
): string {
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  const credentials =
    "token" in known ? known : { "client-certificate-data": base64(known.cert), "client-key-data": base64(known.key) };
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "kx",
    clusters: [{ name: "kx", cluster: { server, "certificate-authority-data": base64(ca) } }],
    users: [{ name: user, user: credentials }],
    contexts: [{ name: "kx", context: { cluster: "kx", user } }],
  });
}
