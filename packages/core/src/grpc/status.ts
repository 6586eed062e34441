/** The status codes of gRPC; a status's number on the wire is its place in this list. */
export const grpcStatuses = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
] as const;

/** The name of a status code. */
export type GrpcStatus = (typeof grpcStatuses)[number];

/** The name of a status code that stands for a failure. */
export type GrpcErrorStatus = Exclude<GrpcStatus, "OK">;

const numbers: ReadonlyMap<string, number> = new Map(grpcStatuses.map((status, number) => [status, number]));

/** A status's number on the wire. */
export function statusNumber(status: GrpcStatus): number {
  return numbers.get(status) ?? 2;
}

/** The failure that a number on the wire stands for; UNKNOWN for a number that gRPC does not define. */
export function errorStatusOf(number: number): GrpcErrorStatus {
  const status = grpcStatuses[number];
  return status === undefined || status === "OK" ? "UNKNOWN" : status;
}

/** Whether a value is the name of a failure's status. */
export function isGrpcErrorStatus(value: unknown): value is GrpcErrorStatus {
  return typeof value === "string" && value !== "OK" && numbers.has(value);
}

/** A status as Go's gRPC spells it, which dashboards for the sidecars of CSI expect: `NotFound`, and `Canceled` with one l. */
export function goStatusName(status: GrpcStatus): string {
  return goNames.get(status) ?? "Unknown";
}

const goNames: ReadonlyMap<GrpcStatus, string> = new Map(
  grpcStatuses.map((status) => [status, status === "OK" ? "OK" : status === "CANCELLED" ? "Canceled" : pascal(status)]),
);

function pascal(status: string): string {
  return status
    .split("_")
    .map((word) => word.slice(0, 1) + word.slice(1).toLowerCase())
    .join("");
}
