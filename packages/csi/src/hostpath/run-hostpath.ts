import { loadConfig, miniSchema } from "@kx/core/config";
import { createLogger, type LogLevel, logLevels } from "@kx/core/log";
import * as z from "zod/mini";
import { type CsiPart, csiParts } from "../driver/companions.ts";
import { runCsiDriver } from "../driver/run-csi-driver.ts";
import { untilAborted } from "../driver/until-aborted.ts";
import { hostpath } from "./hostpath.ts";
import { hostpathOptions, hostpathShape } from "./options.ts";

/** What the program is given of its process. */
export interface HostpathProgram {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly print: (text: string) => undefined;
}

const name = "kx-csi-hostpath";
const levels: readonly LogLevel[] = logLevels;
const parts: readonly CsiPart[] = csiParts;

const flagsSchema = miniSchema(
  z.strictObject({
    endpoint: z.string().check(z.describe("Socket to serve on: unix:///folder/csi.sock.")),
    ...hostpathShape,
    kubeconfig: z.optional(
      z
        .string()
        .check(z.describe("Kubeconfig file, for the parts that need the cluster. Default: in a pod, its account's.")),
    ),
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
  }),
);

/** Serves the hostpath driver as the command line says, until the signal aborts. */
export async function runHostpath({ args, env, signal, print }: HostpathProgram): Promise<void> {
  const flags = await loadConfig({ name, schema: flagsSchema, args, env, envPrefix: "KX" });
  if (flags.help !== undefined) return print(flags.help);
  const { endpoint, logLevel, kubeconfig, embed, livenessPort, ...rest } = flags.value;
  const log = createLogger({ name, level: logLevel });
  await using running = await runCsiDriver(hostpath(hostpathOptions(rest)), {
    endpoint,
    mode: rest.mode,
    nodeName: rest.nodeId,
    signal,
    log,
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
    ...(embed === undefined ? {} : { embed }),
    ...(livenessPort === undefined ? {} : { livenessPort }),
  });
  await running.ready;
  await untilAborted(signal);
}
