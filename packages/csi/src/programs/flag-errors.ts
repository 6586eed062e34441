import { KxError } from "@kx/core";

/** Which flags are to be corrected for which error. */
const remedies: Readonly<Record<string, string>> = {
  KX_LEADER_TIMES:
    "give --leader-election-lease-duration, -renew-deadline and -retry-period, each less than the one before",
  KX_CSI_METADATA: "give --tls-cert and --tls-key files that can be read",
  KX_HOST_HEALTH_ADDRESS: "give --http-endpoint a loopback address, such as 127.0.0.1:9809",
  KX_HOST_HEALTH_LISTEN: "give --http-endpoint another port, or 0 for any",
};

/** The outcome of a start; what its flags are to blame for is an error of configuration that names them. */
export async function flagErrors<T>(start: () => Promise<T>): Promise<T> {
  try {
    return await start();
  } catch (cause) {
    const { code, reason } = KxError.from(cause);
    const remedy = remedies[code];
    if (remedy === undefined) throw cause;
    throw new KxError("KX_CONFIG_INVALID", reason, { cause, remedy });
  }
}
