import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { KxError } from "@kx/core";
import type { JsonObject } from "@kx/core/contracts/cni";
import type { AttachmentTarget } from "./attachment.ts";
import type { Network } from "./network.ts";

const kind = "cniCacheV1";

/** What is remembered of an ADD. */
export interface CachedAttachment extends AttachmentTarget {
  readonly networkName: string;
  /** The network's list as it was then. */
  readonly config: string;
  /** The final result, as the last plug-in printed it. */
  readonly result?: JsonObject;
}

/** The attachments of a machine, in the files of libcni, so that either can end what the other began. */
export interface AttachmentCache {
  write(network: Network, target: AttachmentTarget, result: JsonObject): Promise<void>;
  /** Undefined if there is none, or one that cannot be read: nothing may depend on it. */
  read(networkName: string, target: AttachmentTarget): Promise<CachedAttachment | undefined>;
  remove(networkName: string, target: AttachmentTarget): Promise<void>;
  list(): Promise<readonly CachedAttachment[]>;
}

/** Keeps attachments in `folder/results`. */
export function createAttachmentCache(folder: string): AttachmentCache {
  const results = join(folder, "results");
  const nameOf = (networkName: string, { containerId, ifName }: AttachmentTarget) =>
    `${networkName}-${containerId}-${ifName}`;
  const readOne = async (name: string): Promise<CachedAttachment | undefined> => {
    try {
      return fromFile(JSON.parse(await readFile(join(results, name), "utf8")) as JsonObject);
    } catch {
      return undefined;
    }
  };
  return {
    async write(network, target, result) {
      const name = nameOf(network.name, target);
      // Not in `results`, of which libcni reads every file.
      const making = join(folder, `.${name}.${process.pid}`);
      try {
        await mkdir(results, { recursive: true, mode: 0o700 });
        await writeFile(making, JSON.stringify(toFile(network, target, result)), { mode: 0o600 });
        await rename(making, join(results, name));
      } catch (error) {
        await rm(making, { force: true });
        throw new KxError("KX_CNI_IO", `the result of ${name} cannot be kept: ${(error as Error).message}`, {
          cause: error,
        });
      }
    },
    read: (networkName, target) => readOne(nameOf(networkName, target)),
    remove: (networkName, target) => rm(join(results, nameOf(networkName, target)), { force: true }),
    async list() {
      const names = await readdir(results).catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return [];
        throw new KxError("KX_CNI_IO", `${results} cannot be read: ${error.code}`, { cause: error });
      });
      const found = await Promise.all(names.map(readOne));
      return found.filter((attachment) => attachment !== undefined);
    },
  };
}

function toFile(network: Network, target: AttachmentTarget, result: JsonObject): JsonObject {
  const { containerId, ifName, netns = "", args = {}, capabilityArgs = {} } = target;
  return {
    kind,
    containerId,
    config: Buffer.from(network.source).toString("base64"),
    ifName,
    networkName: network.name,
    ...(netns === "" ? {} : { netns }),
    ...(Object.keys(args).length === 0 ? {} : { cniArgs: Object.entries(args) }),
    ...(Object.keys(capabilityArgs).length === 0 ? {} : { capabilityArgs }),
    result,
  };
}

function fromFile(file: JsonObject): CachedAttachment | undefined {
  const { containerId, config, ifName, networkName, netns, cniArgs, capabilityArgs, result } = file;
  const isWhole = [containerId, config, ifName, networkName].every((text) => typeof text === "string" && text !== "");
  if (file["kind"] !== kind || !isWhole) return undefined;
  return {
    containerId: containerId as string,
    ifName: ifName as string,
    networkName: networkName as string,
    config: Buffer.from(config as string, "base64").toString("utf8"),
    ...(typeof netns === "string" ? { netns } : {}),
    ...(Array.isArray(cniArgs) ? { args: Object.fromEntries(cniArgs as [string, string][]) } : {}),
    ...(isObject(capabilityArgs) ? { capabilityArgs } : {}),
    ...(isObject(result) ? { result } : {}),
  };
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
