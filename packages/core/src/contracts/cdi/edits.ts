import * as z from "zod/mini";
import { nonEmpty, uniqueBy } from "../json.ts";

/** A device node to make in the container. */
export interface DeviceNode {
  /** In the container. */
  readonly path: string;
  /** On the host, if it differs (0.5.0). */
  readonly hostPath?: string;
  /** Block, character, unbuffered character, named pipe; empty: read from the host's node. */
  readonly type?: "" | "b" | "c" | "u" | "p";
  readonly major?: number;
  readonly minor?: number;
  readonly fileMode?: number;
  /** Some of r, w and m; `none` for no access at all. Empty means rwm. */
  readonly permissions?: string;
  readonly uid?: number;
  readonly gid?: number;
}

/** A network interface to move into the container (1.1.0). */
export interface NetDevice {
  readonly hostInterfaceName: string;
  /** In the container. */
  readonly name: string;
}

/** A mount to make in the container. */
export interface Mount {
  readonly hostPath: string;
  readonly containerPath: string;
  readonly options?: readonly string[];
  /** Since 0.4.0. */
  readonly type?: string;
}

/** A program that the container runtime runs. */
export interface Hook {
  readonly hookName: "prestart" | "createRuntime" | "createContainer" | "startContainer" | "poststart" | "poststop";
  /** Absolute. */
  readonly path: string;
  readonly args?: readonly string[];
  readonly env?: readonly string[];
  /** In seconds. */
  readonly timeout?: number;
}

/** Intel resource director settings (0.7.0). */
export interface IntelRdt {
  /** Empty or absent: made for the container; `/`: the root class. */
  readonly closID?: string;
  readonly l3CacheSchema?: string;
  readonly memBwSchema?: string;
  /** Since 1.1.0. */
  readonly schemata?: readonly string[];
  /** Since 1.1.0. */
  readonly enableMonitoring?: boolean;
}

/** What to change in a container's OCI specification. */
export interface ContainerEdits {
  /** NAME=VALUE. */
  readonly env?: readonly string[];
  readonly deviceNodes?: readonly DeviceNode[];
  readonly netDevices?: readonly NetDevice[];
  readonly hooks?: readonly Hook[];
  readonly mounts?: readonly Mount[];
  readonly intelRdt?: IntelRdt;
  /** Since 0.7.0; 0 is ignored. */
  readonly additionalGids?: readonly number[];
}

const text = z.exactOptional(z.string());
const texts = z.exactOptional(z.array(z.string()));
const id = z.int().check(z.nonnegative(), z.maximum(0xff_ff_ff_ff));
const env = z.exactOptional(z.array(z.string().check(z.regex(/^[^=]+=/, "must be NAME=VALUE"))));
const path = nonEmpty;

const deviceNode = z.strictObject({
  path,
  hostPath: text,
  type: z.exactOptional(z.enum(["", "b", "c", "u", "p"])),
  major: z.exactOptional(z.int()),
  minor: z.exactOptional(z.int()),
  fileMode: z.exactOptional(id),
  permissions: z.exactOptional(z.string().check(z.regex(/^(?:[rwm]*|none)$/, "must be some of r, w and m, or none"))),
  uid: z.exactOptional(id),
  gid: z.exactOptional(id),
});

const netDevice = z.strictObject({ hostInterfaceName: nonEmpty, name: nonEmpty });

const hook = z.strictObject({
  hookName: z.enum(["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]),
  path: z.string().check(z.startsWith("/", "must be an absolute path")),
  args: texts,
  env,
  timeout: z.exactOptional(z.int()),
});

const mount = z.strictObject({ hostPath: path, containerPath: path, options: texts, type: text });

const intelRdt = z.strictObject({
  // A folder of resctrl, so what can name one; `/` is the root class.
  closID: z.exactOptional(z.string().check(z.regex(/^(?:\/|(?!\.{1,2}$)[^/\n]{0,4095})$/, "must be a file name or /"))),
  l3CacheSchema: text,
  memBwSchema: text,
  schemata: texts,
  enableMonitoring: z.exactOptional(z.boolean()),
});

export const containerEdits = z.strictObject({
  env,
  deviceNodes: z.exactOptional(z.array(deviceNode)),
  netDevices: z.exactOptional(
    z.array(netDevice).check(
      uniqueBy(({ hostInterfaceName }) => hostInterfaceName, "hostInterfaceName"),
      uniqueBy(({ name }) => name, "name"),
    ),
  ),
  hooks: z.exactOptional(z.array(hook)),
  mounts: z.exactOptional(z.array(mount)),
  intelRdt: z.exactOptional(intelRdt),
  additionalGids: z.exactOptional(z.array(id)),
});
