import {
  defineExtension,
  type Extension,
  type ExtensionModule,
  type HostEnv,
  KxError,
  type Runnable,
  type Schema,
} from "@kx/core";
import { miniSchema } from "@kx/core/config";
import * as z from "zod/mini";
import type { NodeNetworkOptions, OpenNodeObjects } from "../node-network/index.ts";
import { manifests } from "./manifests.ts";
import { nodeNeeds } from "./node-needs.ts";

/** Options of kx's pod network. */
export interface CniExtensionOptions extends NodeNetworkOptions {
  /** Where plug-ins find their daemon. Default: `/run/kx/cni.sock`. */
  readonly socket?: string;
  /** A folder that holds the plug-ins' files already, laid out as an installation. Default: one is installed below /opt/kx. */
  readonly folder?: string;
}

const path = z.exactOptional(z.string().check(z.startsWith("/", "must be an absolute path")));
const seconds = z.exactOptional(z.number().check(z.positive()));

const schema: Schema<CniExtensionOptions> = miniSchema(
  z.strictObject({
    network: z.exactOptional(
      z.string().check(z.regex(/^[a-zA-Z0-9][\w.-]*$/, "must be a name of letters, digits and _ . -")),
    ),
    bridge: z.exactOptional(z.string().check(z.minLength(1), z.maxLength(15))),
    confDir: path,
    binDir: path,
    cacheDir: path,
    criSocket: path,
    gcSeconds: seconds,
    gcConfirmSeconds: seconds,
    socket: path,
    folder: path,
  }),
);

/**
 * The pod network as an extension: plug-ins, their daemon, and what a node needs beside them.
 *
 * @param openObjects - opens the cluster's objects. Without it the extension can be rendered, but not run on nodes.
 */
export function cniExtension(openObjects?: OpenNodeObjects): ExtensionModule<CniExtensionOptions> {
  return defineExtension<CniExtensionOptions>({
    options: schema,
    create: (given): Extension => ({
      kx: 1,
      kind: "cni",
      name: "cni",
      version: "0.0.0",
      node: nodeNeeds(given),
      manifests,
      parts: (env) => (env.role === "node" ? nodeParts(given, env, openObjects) : []),
    }),
  });
}

/** What hosts load that only render it, such as one beside the control plane. */
export const extension: ExtensionModule<CniExtensionOptions> = cniExtension();

function nodeParts(
  given: CniExtensionOptions,
  { nodeName, log, clock, metrics, kubeconfig }: HostEnv,
  openObjects: OpenNodeObjects | undefined,
): readonly Runnable[] {
  if (nodeName === undefined || openObjects === undefined) {
    const lacks = nodeName === undefined ? "the name of its node" : "access to the cluster's objects";
    throw new KxError("KX_CNI_HOST", `the pod network was not given ${lacks}`, {
      remedy: nodeName === undefined ? "give the host --node-name" : "run it in kx's node agent",
    });
  }
  const { socket, folder, ...network } = given;
  const shared = { log, clock, ...(metrics === undefined ? {} : { metrics }) };
  const node = { ...shared, nodeName, openObjects, ...(kubeconfig === undefined ? {} : { kubeconfig }) };
  return [
    // What runs is loaded only where it does.
    later("daemon", "server", async () => {
      const { createCniDaemon } = await import("../daemon/daemon.ts");
      return createCniDaemon({ ...shared, ...(socket === undefined ? {} : { socketPath: socket }) });
    }),
    later("plug-ins", "cache", async () => {
      const { createInstaller } = await import("./installer.ts");
      return createInstaller(log, folder, given.binDir);
    }),
    later("node-network", "worker", async () => {
      const { createNodeNetwork } = await import("../node-network/index.ts");
      return createNodeNetwork(node, network);
    }),
  ];
}

function later(name: string, group: Runnable["group"] & string, load: () => Promise<Runnable>): Runnable {
  return { name, group, start: async (signal, ready) => (await load()).start(signal, ready) };
}
