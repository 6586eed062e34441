import { readFileSync } from "node:fs";
import { KxError, type Schema } from "@kx/core";
import { miniSchema } from "@kx/core/config";
import type { PluginConfig } from "@kx/core/contracts/cni";
import * as z from "zod/mini";
import type { AttachmentRequest } from "../plugin/cni-plugin.ts";
import { requestedValue } from "../plugin/requested.ts";
import type { LinkValues } from "./backup.ts";

/** What kx-tuning sets. */
export interface TuningSettings {
  /** Settings of the kernel below `net`, such as `net.ipv4.conf.IFNAME.forwarding`; IFNAME stands for the interface. */
  readonly sysctl?: Readonly<Record<string, string>>;
  readonly mac?: string;
  /** The interface takes frames for others too. Only true changes anything. */
  readonly promisc?: boolean;
  /** 0 changes nothing. */
  readonly mtu?: number;
  readonly txQLen?: number;
  /** The interface takes all multicast frames. */
  readonly allmulti?: boolean;
}

/** The fields of kx-tuning. */
export interface TuningConfig extends TuningSettings {
  /** Where is kept what was before, for DEL. Default: /run/cni/tuning. */
  readonly dataDir?: string;
  readonly args?: {
    /** These come before the same fields beside `args`. */
    readonly cni?: TuningSettings;
  };
}

const size = z.exactOptional(z.int().check(z.nonnegative(), z.maximum(2 ** 31 - 1)));
const flag = z.exactOptional(z.boolean());
const text = z.exactOptional(z.string());
const settings = {
  sysctl: z.exactOptional(z.record(z.string(), z.string())),
  mac: text,
  promisc: flag,
  mtu: size,
  txQLen: size,
  allmulti: flag,
};

// Not loose: a field that is not known here must not come in the place of what the kit made of it.
export const tuningConfig: Schema<TuningConfig> = miniSchema(
  z.object({
    ...settings,
    dataDir: text,
    args: z.exactOptional(z.looseObject({ cni: z.exactOptional(z.looseObject(settings)) })),
  }),
);

const defaultDataDir = "/run/cni/tuning";
const macPattern = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i;

/** What a call asks for. */
export interface WantedTuning {
  readonly dataDir: string;
  readonly link: LinkValues;
  readonly sysctl: Readonly<Record<string, string>>;
}

export function dataDirOf({ dataDir }: TuningConfig): string {
  return dataDir || defaultDataDir;
}

/**
 * What a call asks for, of all places where it may.
 *
 * @param allowlistFile - whose lines are regular expressions, one of which each setting of the kernel must match. Without
 *   the file all below `net` are allowed.
 * @throws KxError `KX_CNI_CONFIG`, with all that is wrong.
 */
export function readTuning(
  request: Pick<AttachmentRequest<TuningConfig>, "args" | "ifName"> & { readonly config: PluginConfig & TuningConfig },
  allowlistFile: string,
): WantedTuning {
  const { config, ifName } = request;
  const asked = config.args?.cni ?? {};
  const keys = { ...config.sysctl, ...asked.sysctl };
  const mac = requestedValue(request, "mac")?.value ?? config.mac ?? "";
  const problems = [
    ...(mac === "" || (typeof mac === "string" && macPattern.test(mac))
      ? []
      : [`mac ${JSON.stringify(mac)} is no MAC address`]),
    ...sysctlProblems(Object.keys(keys), ifName),
    ...notAllowed(Object.keys(keys), allowlistFile),
  ];
  if (problems.length > 0) throw new KxError("KX_CNI_CONFIG", `the configuration is wrong: ${problems.join("; ")}`);
  return {
    dataDir: dataDirOf(config),
    link: linkValues({ ...config, ...asked, mac: typeof mac === "string" ? mac : "" }),
    sysctl: Object.fromEntries(Object.entries(keys).map(([key, value]) => [pathOf(key, ifName), value])),
  };
}

function linkValues({ mac = "", promisc, mtu = 0, txQLen, allmulti }: TuningSettings): LinkValues {
  return {
    ...(mac === "" ? {} : { mac: mac.toLowerCase() }),
    ...(promisc === true ? { promisc } : {}),
    ...(mtu === 0 ? {} : { mtu }),
    ...(txQLen === undefined ? {} : { txQLen }),
    ...(allmulti === undefined ? {} : { allmulti }),
  };
}

function pathOf(key: string, ifName: string): string {
  return key
    .split(/[./]/)
    .map((part) => part.replace("IFNAME", ifName))
    .join("/");
}

function sysctlProblems(keys: readonly string[], ifName: string): readonly string[] {
  const paths = keys.map((key) => pathOf(key, ifName));
  return keys.flatMap((key, index) => {
    // An interface's name may have dots, so that the parts of the key count, not those of the path.
    const isBelowNet = /^net[./]/.test(key) && key.split(/[./]/).every((part) => part !== "");
    if (!isBelowNet) return [`sysctl ${JSON.stringify(key)} is no setting below net`];
    return paths.indexOf(paths[index] ?? "") === index ? [] : [`sysctl ${JSON.stringify(key)} is there twice`];
  });
}

function notAllowed(keys: readonly string[], file: string): readonly string[] {
  const lines = keys.length === 0 ? undefined : readAllowlist(file);
  if (lines === undefined) return [];
  return keys
    .filter((key) => !lines.some((line) => line.test(key)))
    .map((key) => `sysctl ${JSON.stringify(key)} is not allowed by ${file}`);
}

function readAllowlist(file: string): readonly RegExp[] | undefined {
  let content: string;
  try {
    content = readFileSync(file, "utf8");
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT") return undefined;
    throw new KxError("KX_CNI_IO", `the list of allowed settings ${file} cannot be read: ${code}`, { cause });
  }
  const lines = content.split("\n").map((line) => line.trim());
  return lines.flatMap((line, index) => (line === "" ? [] : [expressionOf(line, `${file}:${index + 1}`)]));
}

function expressionOf(line: string, place: string): RegExp {
  try {
    return new RegExp(line);
  } catch (cause) {
    throw new KxError("KX_CNI_CONFIG", `${place} is no regular expression`, { cause });
  }
}
