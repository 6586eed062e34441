import { KxError } from "@kx/core";
import type { CniCommand, CniVersion } from "@kx/core/contracts/cni";
import type { AttachmentRequest, CniContext, CniPlugin, CniResult, GcRequest } from "./cni-plugin.ts";
import type { DecodedConfig } from "./config.ts";
import type { CallVariables } from "./environment.ts";
import { checkNetns } from "./netns.ts";
import { isAtLeast, readResult } from "./results.ts";

const since: Partial<Record<CniCommand, CniVersion>> = { CHECK: "0.4.0", GC: "1.1.0", STATUS: "1.1.0" };

/** Calls the handler of a command with its request. Gives the result of ADD; of the others, nothing. */
export async function dispatch<Config>(
  plugin: CniPlugin<Config>,
  variables: CallVariables,
  decoded: DecodedConfig<Config>,
  ctx: CniContext,
): Promise<CniResult | undefined> {
  requireVersion(variables.command, decoded.version);
  const { config } = decoded;
  switch (variables.command) {
    case "ADD": {
      const request = { ...(await attachmentRequest(variables, decoded)), netns: requireNetns(variables) };
      return await plugin.add(request, ctx);
    }
    case "CHECK": {
      const { prevResult, ...request } = await attachmentRequest(variables, decoded);
      if (prevResult === undefined) throw new KxError("KX_CNI_CONFIG", "CHECK needs prevResult: the result of ADD");
      const checked = { ...request, prevResult, netns: requireNetns(variables) };
      await plugin.check?.(checked, ctx);
      return undefined;
    }
    case "DEL": {
      const netns = checkNetns(variables);
      const request = await attachmentRequest(variables, decoded).catch((error: unknown) => {
        // A result that cannot be read must not keep a container from being deleted.
        ctx.log.warn({ err: error }, "prevResult left out");
        return { ...identity(variables), config };
      });
      await plugin.del(netns === undefined ? request : { ...request, netns }, ctx);
      return undefined;
    }
    case "STATUS":
      await plugin.status?.({ config }, ctx);
      return undefined;
    case "GC":
      await plugin.gc?.(gcRequest(config), ctx);
      return undefined;
    case "VERSION":
      return undefined;
  }
}

function requireVersion(command: CniCommand, version: CniVersion): void {
  const least = since[command];
  if (least === undefined || isAtLeast(version, least)) return;
  throw new KxError("KX_CNI_VERSION", `cniVersion ${version} does not have ${command}`, {
    remedy: `${command} exists since ${least}`,
  });
}

function requireNetns(variables: CallVariables): string {
  const netns = checkNetns(variables);
  if (netns === undefined) throw new KxError("KX_CNI_ENVIRONMENT", "CNI_NETNS is missing");
  return netns;
}

function identity({ containerId, ifName, args }: CallVariables) {
  return { containerId, ifName, args };
}

async function attachmentRequest<Config>(
  variables: CallVariables,
  { config, version }: DecodedConfig<Config>,
): Promise<AttachmentRequest<Config>> {
  const request = { ...identity(variables), config };
  if (config.prevResult === undefined) return request;
  try {
    return { ...request, prevResult: await readResult(config.prevResult, version) };
  } catch (error) {
    const { reason } = KxError.from(error);
    throw new KxError("KX_CNI_CONFIG", `prevResult cannot be read: ${reason}`, { cause: error });
  }
}

function gcRequest<Config>(config: DecodedConfig<Config>["config"]): GcRequest<Config> {
  const keys = ["cni.dev/valid-attachments", "cni.dev/attachments"] as const;
  const key = keys.find((candidate) => Object.hasOwn(config, candidate));
  // Null is what Go makes of an empty list. No key at all says nothing, and then nothing that lives may go.
  return key === undefined ? { config } : { config, validAttachments: config[key] ?? [] };
}
