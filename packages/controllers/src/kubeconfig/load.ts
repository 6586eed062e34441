import { access } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { type Clock, didYouMean, KxError, systemClock } from "@kx/core";
import type { ClientConfig } from "../config.ts";
import { expiredCertificate, expiryOf } from "./certificate.ts";
import { type Entry, invalidKubeconfig, pem, readKubeconfigFiles, resolvePath, text } from "./file.ts";
import { inClusterConfig } from "./in-cluster.ts";
import { type LoadedCredentials, reloadingCredentials } from "./reload.ts";
import { tokenFile } from "./token-file.ts";

/** Which configuration to load. */
export interface KubeconfigOptions {
  /** Default: the files in KUBECONFIG, else `~/.kube/config`, else the service account of the pod. */
  readonly path?: string;
  /** Default: the file's current context. */
  readonly context?: string;
  /** Environment variables. Default: those of the process. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly clock?: Clock;
}

/** Loads a kubeconfig, or a pod's service account. Errors are KX_KUBECONFIG_* and name file and field. */
export async function loadKubeconfig(options: KubeconfigOptions = {}): Promise<ClientConfig> {
  const { env = process.env, clock = systemClock } = options;
  const files = await findFiles(options.path, env);
  if (files.length === 0) return await inClusterConfig({ env, clock });
  return await resolveContext(files, options.context, clock);
}

async function findFiles(path: string | undefined, env: NonNullable<KubeconfigOptions["env"]>): Promise<string[]> {
  if (path !== undefined) return [path];
  const listed = (env["KUBECONFIG"] ?? "").split(delimiter).filter((file) => file !== "");
  if (listed.length > 0) return listed;
  const usual = join(env["HOME"] ?? homedir(), ".kube", "config");
  const exists = await access(usual).then(
    () => true,
    () => false,
  );
  return exists ? [usual] : [];
}

interface Chosen {
  readonly context: Entry;
  readonly cluster: Entry;
  readonly user: Entry | undefined;
}

async function choose(paths: readonly string[], wanted: string | undefined): Promise<Chosen> {
  const files = await readKubeconfigFiles(paths);
  const origin = paths.join(delimiter);
  const name = wanted ?? files.currentContext;
  if (name === undefined) throw invalidKubeconfig(origin, "no current-context", "set one, or name a context");
  const context = named(files.contexts, name, "context", origin);
  const cluster = named(files.clusters, text(context, "cluster") ?? "", "cluster", context.file);
  const userName = text(context, "user");
  const user = userName === undefined ? undefined : named(files.users, userName, "user", context.file);
  return { context, cluster, user };
}

async function resolveContext(
  paths: readonly string[],
  wanted: string | undefined,
  clock: Clock,
): Promise<ClientConfig> {
  const origin = paths.join(delimiter);
  const chosen = await choose(paths, wanted);
  const { context, cluster } = chosen;

  const server = text(cluster, "server");
  if (server === undefined || !URL.canParse(server)) {
    throw invalidKubeconfig(cluster.file, `cluster has server ${JSON.stringify(server)}`, "give an https:// address");
  }
  if (text(cluster, "proxy-url") !== undefined) {
    throw new KxError("KX_KUBECONFIG_UNSUPPORTED", `${cluster.file}: proxy-url is not supported`, {
      remedy: "remove it, and reach the server directly",
    });
  }
  const ca = await pem(cluster, "certificate-authority");
  const tlsServerName = text(cluster, "tls-server-name");
  const namespace = text(context, "namespace");
  const load = async (entries: Chosen): Promise<LoadedCredentials | undefined> => {
    if (entries.user === undefined) return undefined;
    const files = [...paths, ...certificateFiles(entries.user)];
    return { credentials: await credentialsOf(entries.cluster, entries.user, clock), files };
  };
  const again = async () =>
    (await load(await choose(paths, wanted))) ?? { credentials: async () => ({}), files: paths };
  const first = await load(chosen);
  const credentials = first === undefined ? undefined : reloadingCredentials(first, again, clock);
  return {
    server: server.replace(/\/+$/, ""),
    origin,
    ...(ca === undefined ? {} : { ca }),
    ...(tlsServerName === undefined ? {} : { tlsServerName }),
    ...(cluster.value["insecure-skip-tls-verify"] === true ? { insecureSkipTlsVerify: true } : {}),
    ...(credentials === undefined ? {} : { credentials }),
    ...(namespace === undefined ? {} : { namespace }),
  };
}

function named(entries: ReadonlyMap<string, Entry>, name: string, what: string, file: string): Entry {
  const entry = entries.get(name);
  if (entry !== undefined) return entry;
  const meant = didYouMean(name, entries.keys());
  const remedy =
    meant === undefined ? `it has ${[...entries.keys()].join(", ") || "none"}` : `did you mean "${meant}"?`;
  throw invalidKubeconfig(file, `there is no ${what} "${name}"`, remedy);
}

async function credentialsOf(
  cluster: Entry,
  user: Entry,
  clock: Clock,
): Promise<NonNullable<ClientConfig["credentials"]>> {
  if (user.value["exec"] !== undefined || user.value["auth-provider"] !== undefined) {
    const { clientNodeCredentials } = await import("./client-node.ts");
    return await clientNodeCredentials(cluster, user);
  }
  const cert = await pem(user, "client-certificate");
  const key = await pem(user, "client-key");
  if ((cert === undefined) !== (key === undefined)) {
    const missing = cert === undefined ? "client-certificate" : "client-key";
    throw invalidKubeconfig(user.file, `the user has no ${missing}`, `add ${missing} or ${missing}-data`);
  }
  const certificate = cert === undefined || key === undefined ? {} : { cert, key };
  const valid = cert === undefined ? undefined : untilExpiry(cert, user.file, clock);
  const token = text(user, "token");
  const path = text(user, "tokenFile");
  // As client-go: the file wins over the token beside it.
  if (path !== undefined) {
    const fromFile = tokenFile(resolvePath(user, path), clock);
    return async (options) => {
      await valid?.();
      return { ...certificate, ...(await fromFile(options)) };
    };
  }
  const headers = token === undefined ? basic(user) : { authorization: `Bearer ${token}` };
  return async () => {
    await valid?.();
    return { ...certificate, ...(headers === undefined ? {} : { headers }) };
  };
}

/** Makes a check that fails once the certificate has expired. */
function untilExpiry(cert: string, file: string, clock: Clock): () => Promise<void> {
  let expiry: Promise<number> | undefined;
  return async () => {
    expiry ??= expiryOf(cert);
    const expiredMs = await expiry;
    if (clock.now() > expiredMs) throw expiredCertificate(file, expiredMs);
  };
}

/** The certificate files that a user's entry names. */
function certificateFiles(user: Entry): readonly string[] {
  return ["client-certificate", "client-key"].flatMap((field) => {
    const path = text(user, field);
    return path === undefined || text(user, `${field}-data`) !== undefined ? [] : [resolvePath(user, path)];
  });
}

function basic(user: Entry): Record<string, string> | undefined {
  const name = text(user, "username");
  if (name === undefined) return undefined;
  return { authorization: `Basic ${Buffer.from(`${name}:${text(user, "password") ?? ""}`).toString("base64")}` };
}
