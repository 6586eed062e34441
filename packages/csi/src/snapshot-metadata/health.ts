import { type Health, ServingStatus } from "@kx/core/contracts/grpc-health";
import { SnapshotMetadata } from "@kx/core/contracts/snapshot-metadata";
import { grpcError, type MethodHandlers } from "@kx/core/grpc";
import { untilAborted } from "../driver/until-aborted.ts";

/** The server as a whole, and its service. */
const known: readonly string[] = ["", SnapshotMetadata.typeName];

/** Tells those who ask in gRPC's own way that the service serves, until `stopping` aborts. */
export function healthHandlers(stopping: AbortSignal): MethodHandlers<typeof Health> {
  const now = () => ({ status: stopping.aborted ? ServingStatus.NOT_SERVING : ServingStatus.SERVING });
  return {
    async check({ service }) {
      if (known.includes(service)) return now();
      throw grpcError("NOT_FOUND", `there is no service ${JSON.stringify(service)}`);
    },
    list: async () => ({ statuses: Object.fromEntries(known.map((service) => [service, now()])) }),
    async *watch({ service }, { signal, callSignal }) {
      if (!known.includes(service)) {
        yield { status: ServingStatus.SERVICE_UNKNOWN };
        return await untilAborted(AbortSignal.any([signal, callSignal]));
      }
      yield now();
      await untilAborted(AbortSignal.any([stopping, signal, callSignal]));
      if (!callSignal.aborted) yield { status: ServingStatus.NOT_SERVING };
    },
  };
}
