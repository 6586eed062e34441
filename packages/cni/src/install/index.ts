// Installs the plug-ins on a node, and takes them away.
export type { StatusPolicy } from "../node-network/plan-conflist.ts";
export type { InstallSources } from "./folder.ts";
export { type CniInstalled, type InstallCniOptions, installCni } from "./install.ts";
export type { InstalledNetwork } from "./network.ts";
export type { CniFolders } from "./places.ts";
export { type CniUninstalled, type UninstallCniOptions, uninstallCni } from "./uninstall.ts";
