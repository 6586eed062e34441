import type { RequestOptions } from "node:https";
import type { ClientConfig, Credentials } from "../config.ts";
import { type Entry, text } from "./file.ts";

/**
 * Credentials that a program or an identity provider hands out. Only here, and only then, @kubernetes/client-node is
 * loaded: it knows the protocols, but costs half a second and 92 MB.
 */
export async function clientNodeCredentials(
  cluster: Entry,
  user: Entry,
): Promise<NonNullable<ClientConfig["credentials"]>> {
  const { KubeConfig } = await import("@kubernetes/client-node");
  const load = () => {
    const config = new KubeConfig();
    config.loadFromOptions({
      clusters: [{ name: "cluster", server: text(cluster, "server") ?? "", skipTLSVerify: false }],
      users: [
        {
          name: "user",
          ...(user.value["exec"] === undefined ? {} : { exec: user.value["exec"] }),
          ...(user.value["auth-provider"] === undefined ? {} : { authProvider: user.value["auth-provider"] }),
        },
      ],
      contexts: [{ name: "context", cluster: "cluster", user: "user" }],
      currentContext: "context",
    });
    return config;
  };
  let config = load();
  return async ({ refresh }) => {
    // What it has cached until an expiry that the server does not agree with goes with the old object.
    if (refresh) config = load();
    const options: RequestOptions = {};
    await config.applyToHTTPSOptions(options);
    return toCredentials(options);
  };
}

function toCredentials({ headers, cert, key, auth }: RequestOptions): Credentials {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers ?? {})) {
    if (typeof value === "string") flat[name.toLowerCase()] = value;
  }
  if (typeof auth === "string") flat["authorization"] = `Basic ${Buffer.from(auth).toString("base64")}`;
  return {
    headers: flat,
    ...(cert === undefined ? {} : { cert: pemText(cert) }),
    ...(key === undefined ? {} : { key: pemText(key) }),
  };
}

function pemText(value: NonNullable<RequestOptions["cert"]> | NonNullable<RequestOptions["key"]>): string {
  return [value]
    .flat()
    .map((part) => (typeof part === "string" || Buffer.isBuffer(part) ? part.toString() : ""))
    .join("\n");
}
