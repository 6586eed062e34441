import { KxError } from "@kx/core";

/**
 * The path of an endpoint as CSI_ENDPOINT gives it: `unix:///folder/csi.sock`, also without the slashes of a host.
 *
 * @throws KxError `KX_CSI_ENDPOINT`.
 */
export function socketPathOf(endpoint: string): string {
  const [, path] = /^unix:(?:\/\/)?(\/(?!\/).*)$/.exec(endpoint) ?? [];
  if (path === undefined) {
    throw invalid(endpoint, "is no absolute path of a Unix socket: CSI drivers are served on these alone");
  }
  // spec.md, "CSI_ENDPOINT": the path SHALL end in .sock.
  if (!path.endsWith(".sock")) throw invalid(endpoint, "does not end in .sock, as CSI wants it");
  return path;
}

function invalid(endpoint: string, what: string): KxError {
  return new KxError("KX_CSI_ENDPOINT", `the endpoint ${JSON.stringify(endpoint)} ${what}`, {
    remedy: "give it as unix:///folder/csi.sock",
  });
}
