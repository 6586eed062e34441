// The daemon behind the shim: a part of the node agent, or `kx cni daemon`.
export { type CniDaemonOptions, createCniDaemon } from "./daemon.ts";
export { defaultSocketPath } from "./state-folder.ts";
