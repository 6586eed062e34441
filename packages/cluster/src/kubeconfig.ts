import { stringify } from "yaml";
import type { KeyPair } from "./pki.ts";

/** A kubeconfig (v1) with one cluster, one user and everything embedded. */
export function kubeconfig(server: string, ca: string, user: string, pair: KeyPair): string {
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "kx",
    clusters: [{ name: "kx", cluster: { server, "certificate-authority-data": base64(ca) } }],
    users: [
      { name: user, user: { "client-certificate-data": base64(pair.cert), "client-key-data": base64(pair.key) } },
    ],
    contexts: [{ name: "kx", context: { cluster: "kx", user } }],
  });
}
