import { KxError } from "@kx/core";

/** When a client certificate expires, in milliseconds since the epoch; never, if that cannot be told. */
export async function expiryOf(pem: string): Promise<number> {
  // Most users of this package never look into a certificate.
  const { X509Certificate } = await import("node:crypto");
  try {
    return new X509Certificate(pem).validToDate.getTime();
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** The error for a client certificate that has expired: the server would only say "Unauthorized". */
export function expiredCertificate(file: string, expiredMs: number): KxError {
  const at = new Date(expiredMs).toISOString();
  return new KxError("KX_KUBECONFIG_EXPIRED", `${file}: the client certificate expired at ${at}`, {
    remedy: "put a new certificate into the file; it is read again by itself",
    details: { file, expiredAt: at },
  });
}
