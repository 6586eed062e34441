import { systemClock } from "@kx/core";
import { type HostConfiguration, loadConfig, readHostConfiguration } from "@kx/core/config";
import {
  isolatedChildArgument,
  loadExtensions,
  type MainContext,
  nodeHostFlags,
  type Running,
  runHost,
  runIsolatedChild,
  runMain,
} from "@kx/core/host";
import { createLogger } from "@kx/core/log";
import { createMetrics } from "@kx/core/metrics";
import { ownExtensions } from "./extensions.ts";

const name = "kx-node-agent";
const builtIn: HostConfiguration = { apiVersion: "kx.dev/v1alpha1", kind: "HostConfiguration", extensions: [] };

// The agent is one file, so it is also what the processes of isolated extensions run.
if (process.argv[2] === isolatedChildArgument) runIsolatedChild(ownExtensions);
else await runMain(main);

async function main({ args, env, signal, print }: MainContext): Promise<Running | undefined> {
  const flags = await loadConfig({ name, schema: nodeHostFlags, args, env, envPrefix: "KX" });
  if (flags.help !== undefined) return print(flags.help);
  const { config, extensionsDir, kubeconfig, nodeName, logLevel, healthPort, healthSocket } = flags.value;
  const configuration = config === undefined ? builtIn : await readHostConfiguration(config);
  const resolveFrom = [...(config === undefined ? [] : [config, `${extensionsDir}/`]), import.meta.url];
  const isolation = { logLevel, entry: import.meta.filename };
  const extensions = await loadExtensions(configuration, { resolveFrom, modules: ownExtensions, isolation });
  const log = createLogger({ name, level: logLevel });
  const health = { port: healthPort, ...(healthSocket === undefined ? {} : { socket: healthSocket }) };
  const metrics = await createMetrics({ process: true });
  return runHost({ role: "node", extensions, log, clock: systemClock, signal, health, metrics, nodeName, kubeconfig });
}
