import { systemClock } from "@kx/core";
import { type HostConfiguration, loadConfig, readHostConfiguration } from "@kx/core/config";
import { controllerHostFlags, type HostedExtension, loadExtensions, runHost, runMain } from "@kx/core/host";
import { createLogger } from "@kx/core/log";
import { createMetrics } from "@kx/core/metrics";
import { ownExtensions } from "./extensions.ts";
import { healthOptions } from "./health.ts";
import { electIfAsked } from "./leader.ts";

const name = "kx-controller-manager";
const builtIn: HostConfiguration = {
  apiVersion: "kx.dev/v1alpha1",
  kind: "HostConfiguration",
  extensions: [{ package: "@kx/controllers/foo" }],
};

await runMain(async ({ args, env, signal, print }) => {
  const flags = await loadConfig({ name, schema: controllerHostFlags, args, env, envPrefix: "KX" });
  if (flags.help !== undefined) return print(flags.help);
  const { config, extensionsDir, kubeconfig, logLevel, render } = flags.value;
  const configuration = config === undefined ? builtIn : await readHostConfiguration(config);
  const resolveFrom = [...(config === undefined ? [] : [config, `${extensionsDir}/`]), import.meta.url];
  const loaded = await loadExtensions(configuration, { resolveFrom, modules: ownExtensions, isolation: { logLevel } });
  const extensions = await electIfAsked(loaded, flags.value, env);
  if (render !== undefined) return print(`${JSON.stringify(await objectsOf(extensions, render))}\n`);
  const log = createLogger({ name, level: logLevel });
  const health = await healthOptions(flags.value);
  const metrics = await createMetrics({ process: true });
  return runHost({ role: "controller", extensions, log, clock: systemClock, signal, health, metrics, kubeconfig });
});

async function objectsOf(extensions: readonly HostedExtension[], namespace: string): Promise<readonly unknown[]> {
  const each = await Promise.all(extensions.map(async (extension) => extension.manifests({ namespace, image: "" })));
  return each.flat();
}
