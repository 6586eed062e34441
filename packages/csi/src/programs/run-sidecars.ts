import { KxError, systemClock } from "@kx/core";
import { loadConfig, miniSchema } from "@kx/core/config";
import { type HostedExtension, type Running, runHost } from "@kx/core/host";
import { createLogger, type LogLevel, logLevels } from "@kx/core/log";
import { createMetrics } from "@kx/core/metrics";
import * as z from "zod/mini";
import { type ConnectedDriver, connectDriver } from "../controllers/connect-driver.ts";
import type { DriverClient } from "../controllers/driver-client.ts";
import { csiControllers, partsNeeded, type SidecarPart } from "../controllers/sidecars.ts";
import { csiParts, underLease } from "../driver/embed-options.ts";
import { given } from "../given.ts";
import { flagErrors } from "./flag-errors.ts";
import type { Program } from "./program.ts";
import { healthOptions, sidecarOptions, sidecarShape } from "./sidecar-flags.ts";

const levels: readonly LogLevel[] = logLevels;
const parts = csiParts.filter((part): part is SidecarPart => part !== "registrar");

const fields = z.strictObject({
  csiAddress: z
    .string()
    .check(z.minLength(1), z.describe("The driver's socket: /csi/csi.sock or unix:///csi/csi.sock.")),
  controllers: z.optional(
    z.pipe(
      z.string().check(
        z.refine((text) => listOf(text).every(isPart), `must be of ${parts.join(", ")}, with commas between`),
        z.describe(
          `Which controllers run, with commas between: ${parts.join(", ")}. Default: what the driver's capabilities call for.`,
        ),
      ),
      z.transform((text) => listOf(text).filter(isPart)),
    ),
  ),
  ...sidecarShape,
  logLevel: z.prefault(z.enum(levels).check(z.describe("Least important level that is logged.")), "info"),
});
type Flags = z.output<typeof fields>;
const flagsSchema = miniSchema(fields);

/**
 * Runs the controllers of a driver behind a socket, in any language, until the signal aborts: all in one process and under one
 * Lease.
 *
 * @returns what stopped; undefined if nothing was started.
 */
export async function runSidecars({ name, args, env, signal, print }: Program): Promise<Running | undefined> {
  const flags = await loadConfig({ name, schema: flagsSchema, args, env, envPrefix: "KX" });
  if (flags.help !== undefined) return print(flags.help);
  const { csiAddress, logLevel, httpEndpoint } = flags.value;
  const log = createLogger({ name: "kx-csi-sidecar", level: logLevel });
  const health = healthOptions(httpEndpoint);
  const metrics = health === undefined ? undefined : await createMetrics({ process: true });
  let driver: ConnectedDriver;
  try {
    driver = await connectDriver(endpointOf(csiAddress), { log, signal, ...given({ metrics }) });
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  }
  await using connection = new AsyncDisposableStack();
  connection.use(driver);
  const extensions = await flagErrors(async () => controllersOf(driver, flags.value, env));
  log.info({ driver: driver.name, controllers: extensions.map(({ name: each }) => each) }, "controllers starting");
  const { kubeconfig } = flags.value;
  const options = { role: "controller", extensions, log, clock: systemClock, signal, kubeconfig } as const;
  const running = await flagErrors(() => runHost({ ...options, ...given({ health, metrics }) }));
  const connected = connection.move();
  void running.done.then(() => connected.disposeAsync());
  return running;
}

function controllersOf(driver: DriverClient, flags: Flags, env: Program["env"]): readonly HostedExtension[] {
  const { leaderElection, lease, ...how } = sidecarOptions(flags);
  const wanted = flags.controllers ?? partsNeeded(driver.capabilities, how);
  if (wanted.length === 0) {
    throw new KxError("KX_CSI_PART", `the driver ${driver.name} needs no controllers`, {
      remedy: `name some with --controllers: ${parts.join(", ")}`,
    });
  }
  const controllers = csiControllers(driver, { ...how, parts: wanted });
  const place = { driverName: driver.name, kubeconfig: flags.kubeconfig, env };
  return underLease(controllers, given({ leaderElection, lease }), place);
}

/** Sidecars are given a path, drivers an endpoint. */
function endpointOf(address: string): string {
  return address.startsWith("/") ? `unix://${address}` : address;
}

function listOf(text: string): readonly string[] {
  return text.split(",").map((part) => part.trim());
}

function isPart(text: string): text is SidecarPart {
  return (parts as readonly string[]).includes(text);
}
