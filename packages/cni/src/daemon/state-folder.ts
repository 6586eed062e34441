import { dirname, join } from "node:path";

/** Where a daemon's socket is, unless KX_CNI_SOCKET says otherwise. */
export const defaultSocketPath = "/run/kx/cni.sock";

/** What daemon, shim and executed plug-ins share: files beside the socket, which are gone after a boot. */
export interface StateFolder {
  /** All of it. */
  readonly folder: string;
  /** One lock for each attachment that is being worked on. */
  readonly locks: string;
  /** DELs that the shim could hand to nobody. */
  readonly deletes: string;
  /** A file for each type whose STATUS has succeeded since the boot. */
  readonly ready: string;
}

/** The state that belongs to a socket; the shim knows these names too. */
export function stateFolder(socketPath: string): StateFolder {
  const folder = join(dirname(socketPath), "cni");
  return { folder, locks: join(folder, "locks"), deletes: join(folder, "deletes"), ready: join(folder, "ready") };
}
