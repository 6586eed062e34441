import { loadConfig, miniSchema } from "@kx/core/config";
import { createLogger, type LogLevel, logLevels } from "@kx/core/log";
import * as z from "zod/mini";
import { type CsiPart, csiParts } from "../driver/embed-options.ts";
import { type RunCsiOptions, runCsiDriver } from "../driver/run-csi-driver.ts";
import { untilAborted } from "../driver/until-aborted.ts";
import { given } from "../given.ts";
import { hostpath } from "../hostpath/hostpath.ts";
import { hostpathOptions, hostpathShape } from "../hostpath/options.ts";
import { flagErrors } from "./flag-errors.ts";
import type { Program } from "./program.ts";
import { healthOptions, sidecarOptions, sidecarShape } from "./sidecar-flags.ts";

const levels: readonly LogLevel[] = logLevels;
const parts: readonly CsiPart[] = csiParts;

const fields = z.strictObject({
  endpoint: z.string().check(z.describe("Socket to serve on: unix:///folder/csi.sock.")),
  ...hostpathShape,
  embed: z.optional(
    z
      .array(z.enum(parts))
      .check(
        z.describe(
          "Part that runs beside the driver; may be given again. Default: none; with a kubeconfig all that it needs.",
        ),
      ),
  ),
  livenessPort: z.optional(
    z.int().check(z.gte(0), z.lte(65535), z.describe("Port on 127.0.0.1 whose /healthz asks the driver's Probe.")),
  ),
  logLevel: z.prefault(z.enum(levels).check(z.describe("Least important level that is logged.")), "info"),
  ...sidecarShape,
});
const flagsSchema = miniSchema(fields);

/** Serves the hostpath driver as the command line says, until the signal aborts. */
export async function runHostpath({ name, args, env, signal, print }: Program): Promise<void> {
  const flags = await loadConfig({ name, schema: flagsSchema, args, env, envPrefix: "KX" });
  if (flags.help !== undefined) return print(flags.help);
  const { endpoint, logLevel, kubeconfig, embed, livenessPort, nodeId, stateDir, driverName, mode } = flags.value;
  const { capacity, attach, maxVolumesPerNode, kubeletDir, durability, ...sidecars } = flags.value;
  const ofDriver = { nodeId, stateDir, driverName, mode, capacity, attach, maxVolumesPerNode, kubeletDir, durability };
  const health = healthOptions(sidecars.httpEndpoint);
  const isEmbedding = embed !== undefined || kubeconfig !== undefined;
  const options: RunCsiOptions = {
    endpoint,
    mode,
    nodeName: nodeId,
    signal,
    io: { env },
    log: createLogger({ name: "kx-csi-hostpath", level: logLevel }),
    ...given({ kubeconfig, livenessPort, health }),
    ...(isEmbedding ? { embed: { ...sidecarOptions(sidecars), ...given({ parts: embed }) } } : {}),
  };
  await using running = await flagErrors(() => runCsiDriver(hostpath(hostpathOptions(ofDriver)), options));
  await running.ready;
  await untilAborted(signal);
}
