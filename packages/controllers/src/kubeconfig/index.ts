export type { ClientConfig, Credentials } from "../config.ts";
export { type InClusterOptions, inClusterConfig } from "./in-cluster.ts";
export { type KubeconfigOptions, loadKubeconfig } from "./load.ts";
