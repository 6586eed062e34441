export type { BackoffOptions } from "./backoff.ts";
export { controllerHostFlags, nodeHostFlags } from "./flags.ts";
export type { HealthOptions, HealthRequest } from "./health.ts";
export type { ExtensionStatus, HostedExtension, RunnableStatus } from "./hosted-extension.ts";
export type { IsolationOptions } from "./isolated.ts";
export { isolatedChildArgument, runIsolatedChild } from "./isolated-child.ts";
export { type LoadExtensionsOptions, loadExtensions } from "./load-extensions.ts";
export { type RunHostOptions, type Running, runHost, type Stopped } from "./run-host.ts";
export { type MainContext, type MainIo, runMain } from "./run-main.ts";
