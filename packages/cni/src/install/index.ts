// Installs the plug-ins on a node.
export type { InstallSources } from "./folder.ts";
export {
  type CniFolders,
  type CniInstalled,
  conflistName,
  type InstallCniOptions,
  installCni,
  type UninstallCniOptions,
  uninstallCni,
} from "./install.ts";
