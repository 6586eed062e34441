import * as z from "zod/mini";
import { miniSchema } from "../../config/mini-schema.ts";
import type { Schema } from "../../schema.ts";
import { type JsonObject, jsonObject, nonEmpty } from "../json.ts";
import { type Dns, dns } from "./addresses.ts";
import { cniNamePattern } from "./names.ts";
import { type RuntimeConfig, runtimeConfig } from "./runtime-config.ts";

/** One use of a network by a container, as GC lists them. */
export interface Attachment {
  readonly containerID: string;
  readonly ifname: string;
}

/** What every plug-in's configuration may hold; its own fields stand beside these. */
export interface PluginConfig {
  /** 0.1.0 if the configuration has none. */
  readonly cniVersion: string;
  /** The network's name. */
  readonly name: string;
  /** The plug-in's file name. */
  readonly type: string;
  readonly capabilities?: Readonly<Record<string, boolean>>;
  readonly runtimeConfig?: RuntimeConfig;
  /** Address management is left to the plug-in named by `type`, which gets the whole configuration. */
  readonly ipam?: JsonObject & { readonly type?: string };
  readonly dns?: Dns;
  readonly args?: JsonObject;
  /** The result of the plug-in before; a result of `cniVersion`. */
  readonly prevResult?: JsonObject;
  /** GC: what is still in use. Null counts as an empty list; absent is something else. */
  readonly "cni.dev/valid-attachments"?: readonly Attachment[] | null;
  /** The same list under the key that an earlier draft used. */
  readonly "cni.dev/attachments"?: readonly Attachment[] | null;
}

const cniVersion = z.prefault(z.string(), "0.1.0");
const name = z
  .string()
  .check(z.regex(cniNamePattern, "must start with a letter or digit, then letters, digits, _ . -"));
const attachments = z.exactOptional(
  z.nullable(z.array(z.looseObject({ containerID: z.string(), ifname: z.string() }))),
);
// A folder in a type would lead the runtime outside of CNI_PATH.
const type = nonEmpty.check(z.regex(/^[^/]+$/, "must be a file name, without a folder"));

const pluginShape = {
  type,
  capabilities: z.exactOptional(z.record(z.string(), z.boolean())),
  ipam: z.exactOptional(z.looseObject({ type: z.exactOptional(z.string()) })),
  dns: z.exactOptional(dns),
  args: z.exactOptional(jsonObject),
};

/** The configuration that a plug-in reads from its standard input. Its own fields are kept. */
export const pluginConfig: Schema<PluginConfig> = miniSchema(
  z.looseObject({
    ...pluginShape,
    cniVersion,
    name,
    runtimeConfig: z.exactOptional(runtimeConfig),
    prevResult: z.exactOptional(jsonObject),
    "cni.dev/valid-attachments": attachments,
    "cni.dev/attachments": attachments,
  }),
);

/** A plug-in in a list: the runtime gives it the list's name and version. */
export interface ListedPlugin {
  readonly type: string;
  readonly capabilities?: Readonly<Record<string, boolean>>;
  readonly ipam?: JsonObject & { readonly type?: string };
  readonly dns?: Dns;
  readonly args?: JsonObject;
}

/** What a `.conflist` file holds. */
export interface NetworkConfigList {
  /** 0.1.0 if the list has none. */
  readonly cniVersion: string;
  /** More versions that the list can be run with. */
  readonly cniVersions?: readonly string[];
  readonly name: string;
  /** CHECK succeeds without calling plug-ins. */
  readonly disableCheck: boolean;
  /** GC does nothing. */
  readonly disableGC: boolean;
  /** False: the plug-ins of the folder named like the network come after those of the list. */
  readonly loadOnlyInlinedPlugins: boolean;
  readonly plugins?: readonly ListedPlugin[];
}

// Also written as a text in the wild, and taken so by libcni.
const flag = z.prefault(
  z.pipe(
    z.union([z.boolean(), z.enum(["true", "false"])], "must be true or false"),
    z.transform((value) => value === true || value === "true"),
  ),
  false,
);

/** A network's plug-ins in the order of ADD. Fields that are not known are kept. */
export const networkConfigList: Schema<NetworkConfigList> = miniSchema(
  z
    .looseObject({
      cniVersion,
      cniVersions: z.exactOptional(z.array(z.string())),
      name,
      disableCheck: flag,
      disableGC: flag,
      loadOnlyInlinedPlugins: flag,
      plugins: z.exactOptional(z.array(z.looseObject(pluginShape)).check(z.minLength(1, "must name a plug-in"))),
    })
    .check(
      z.refine((list) => list.plugins !== undefined || !list.loadOnlyInlinedPlugins, {
        message: "is required with loadOnlyInlinedPlugins",
        path: ["plugins"],
      }),
    ),
);
