import { type Clock, KxError, type Logger, type Runnable } from "@kx/core";
import { pluginTypes, Registration } from "@kx/core/contracts/plugin-registration";
import { createGrpcServer } from "@kx/core/grpc";
import { keepListening } from "../driver/keep-listening.ts";

/** What a driver is registered with the kubelet as. */
export interface RegistrarOptions {
  readonly driverName: string;
  /** The absolute path of the driver's socket, as the kubelet sees it. */
  readonly socketPath: string;
  /** Default: `/var/lib/kubelet`. */
  readonly kubeletDir?: string;
  readonly log: Logger;
  readonly clock: Clock;
}

/** Versions of CSI's protocol, which is 1 throughout. */
const supportedVersions = ["1.0.0"];
/** How long the kubelet may take to ask for a driver before somebody is told. */
const patienceMs = 30_000;

/** Where the kubelet looks for the sockets of plug-ins. */
function registrationPath(driverName: string, kubeletDir = "/var/lib/kubelet"): string {
  return `${kubeletDir}/plugins_registry/${driverName}-reg.sock`;
}

/**
 * Registers a driver with the kubelet, which asks for it as soon as it sees the socket, also after it was restarted, and puts
 * the node's id and place into CSINode. When the runnable stops, the socket goes, and with it the driver from CSINode.
 *
 * It fails with KxError `KX_CSI_REGISTRATION` when the kubelet refuses the driver, as the kubelet tries it again only with a
 * new socket: whoever runs it starts it again.
 */
export function createRegistrar(options: RegistrarOptions): Runnable {
  const { driverName, log, clock } = options;
  const path = registrationPath(driverName, options.kubeletDir);
  return {
    name: `registrar ${driverName}`,
    // After the driver itself, as the kubelet calls it at once; and not after caches, since nodes go on without the API server.
    group: "cache",
    async start(signal, ready) {
      const life = new AbortController();
      const end = () => life.abort();
      signal.addEventListener("abort", end, { once: true });
      const kubelet = registration(options);
      await using server = createGrpcServer({ log, clock }).add(Registration, kubelet.handlers);
      try {
        signal.throwIfAborted();
        await server.listen(path);
        ready();
        void tellIfUnasked(options, path, kubelet.asked, life.signal);
        await Promise.race([keepListening({ server, path, clock, log }, life.signal), kubelet.refused]);
      } finally {
        signal.removeEventListener("abort", end);
        end();
      }
    },
  };
}

function registration({ driverName, socketPath, log }: RegistrarOptions) {
  const refused = Promise.withResolvers<never>();
  // It may come when nobody waits for it any more.
  refused.promise.catch(() => undefined);
  const asked = Promise.withResolvers<void>();
  return {
    refused: refused.promise,
    asked: asked.promise,
    handlers: {
      async getInfo() {
        asked.resolve();
        return { type: pluginTypes.csi, name: driverName, endpoint: socketPath, supportedVersions };
      },
      async notifyRegistrationStatus({ pluginRegistered, error }: { pluginRegistered: boolean; error: string }) {
        if (pluginRegistered) log.info({ driver: driverName }, "driver registered with the kubelet");
        // The kubelet gets its answer first: a server that stops lets calls at work finish.
        else refused.reject(refusal(driverName, error));
        return {};
      },
    },
  };
}

function refusal(driverName: string, error: string): KxError {
  const said = error === "" ? "it did not say why" : error;
  return new KxError("KX_CSI_REGISTRATION", `the kubelet refused the driver "${driverName}": ${said}`, {
    retryable: true,
    remedy: "read what the kubelet says: most often NodeGetInfo failed, or another driver has the name",
  });
}

async function tellIfUnasked(
  { clock, log }: RegistrarOptions,
  path: string,
  asked: Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const isAsked = await Promise.race([
    asked.then(() => true),
    clock.sleep(patienceMs, signal).then(
      () => false,
      () => true,
    ),
  ]);
  if (!isAsked) log.warn({ path }, "kubelet has not asked for the driver: is that in its folder, and does it run?");
}
