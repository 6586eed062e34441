import * as z from "zod/mini";
import { durationSetting } from "../config/duration-setting.ts";
import { miniSchema } from "../config/mini-schema.ts";
import { logLevels } from "../log/levels.ts";

const common = {
  config: z.optional(z.string().check(z.describe("File with the HostConfiguration that names the extensions."))),
  kubeconfig: z.optional(
    z.string().check(z.describe("Kubeconfig file. In a pod, the service account is used without.")),
  ),
  extensionsDir: z.prefault(
    z
      .string()
      .check(z.minLength(1), z.describe("Folder of extensions that are not installed beside the configuration file.")),
    "/extensions",
  ),
  healthSocket: z.optional(
    z
      .string()
      .check(
        z.startsWith("/", "must be an absolute path"),
        z.describe("Unix socket that serves the same as the port, to this user alone."),
      ),
  ),
  logLevel: z.prefault(z.enum(logLevels).check(z.describe("Least important level that is logged.")), "info"),
};
const port = z
  .int()
  .check(z.gte(0), z.lte(65535), z.describe("Port of /healthz, /readyz, /extensions and /metrics; 0 takes any."));
const durationMs = (byDefault: string, what: string) => z.prefault(durationSetting(what), byDefault);
const pemFile = (what: string) => z.optional(z.string().check(z.minLength(1), z.describe(what)));

/** The flags of a host that runs the parts of extensions on each node. */
export const nodeHostFlags = miniSchema(
  z.strictObject({
    ...common,
    nodeName: z.optional(z.string().check(z.minLength(1), z.describe("Name of this machine's Node object."))),
    healthPort: z.prefault(port, 9440),
  }),
);

/** The flags of a host that runs the parts of extensions beside the control plane. */
export const controllerHostFlags = miniSchema(
  z.strictObject({
    ...common,
    healthPort: z.prefault(port, 9441),
    healthHost: z.prefault(
      z
        .string()
        .check(
          z.minLength(1),
          z.describe("Address of that port. With a certificate, whoever asks must be allowed to get the path."),
        ),
      "127.0.0.1",
    ),
    healthCertFile: pemFile("Certificate (PEM) of that address; needed if others reach it."),
    healthKeyFile: pemFile("Its key (PEM)."),
    leaderElect: z.optional(
      z
        .boolean()
        .check(
          z.describe("Run what changes the cluster only while this replica holds a Lease. Default: in a pod, it does."),
        ),
    ),
    leaderElectLeaseName: z.prefault(
      z.string().check(z.minLength(1), z.describe("Name of the Lease; the same for all replicas.")),
      "kx-controller-manager",
    ),
    leaderElectNamespace: z.optional(
      z.string().check(z.minLength(1), z.describe("Its namespace. Default: the pod's, elsewhere kx-system.")),
    ),
    leaderElectLeaseDuration: durationMs("15s", "How long others wait for a leader that they no longer hear of."),
    leaderElectRenewDeadline: durationMs("10s", "How long a leader goes on without a renewal; less than that."),
    leaderElectRetryPeriod: durationMs("2s", "How long between two tries to take or renew the Lease."),
    render: z.optional(
      z
        .string()
        .check(
          z.minLength(1),
          z.describe("Namespace: print what objects the extensions need for a host there, as JSON, and exit."),
        ),
    ),
  }),
);
