import type { Any } from "@bufbuild/protobuf/wkt";
import { KxError, type KxErrorCode, type KxErrorOptions } from "../error.ts";
import { redactText } from "../redact.ts";
import { type GrpcErrorStatus, isGrpcErrorStatus } from "./status.ts";

/** How a failed call is answered. */
export interface FailureStatus {
  readonly status: GrpcErrorStatus;
  /** Without secrets, as far as they can be told by their form. */
  readonly message: string;
  /** What a caller's program can read: messages packed by `anyPack`. */
  readonly statusDetails: readonly Any[];
}

/** Which status answers a KxError of which code. */
export type StatusTable = Readonly<Record<KxErrorCode, GrpcErrorStatus>>;

/** What `grpcError` may be given beside its reason. */
export interface GrpcErrorOptions extends KxErrorOptions {
  /** What a caller's program can read: messages packed by `anyPack`. */
  readonly statusDetails?: readonly Any[];
}

const ownPrefix = "KX_GRPC_";

/** The error that a handler throws to answer a status, and a client's caller catches: `KX_GRPC_<STATUS>`. */
export function grpcError(status: GrpcErrorStatus, reason: string, options: GrpcErrorOptions = {}): KxError {
  const { statusDetails = [], ...rest } = options;
  const shown = statusDetails.length === 0 ? {} : { statusDetails };
  return new KxError(`${ownPrefix}${status}`, reason, {
    ...rest,
    details: { ...rest.details, ...shown, grpc: status },
  });
}

/**
 * The answer to a call whose handler threw, by the first that applies: the status in the error's details under `grpc`, the
 * table's entry for its code, the status in a code `KX_GRPC_<STATUS>`, INTERNAL. An error that is no KxError may say anything, so its text stays in the log.
 */
export function toStatus(error: unknown, table: StatusTable = {}): FailureStatus {
  if (!KxError.is(error) || error.code === "KX_CORE_UNEXPECTED") {
    return { status: "INTERNAL", message: "internal error, described in the log of the server", statusDetails: [] };
  }
  const own = error.code.startsWith(ownPrefix) ? error.code.slice(ownPrefix.length) : undefined;
  const candidates = [error.details["grpc"], table[error.code], own];
  const text = isGrpcErrorStatus(own) ? withoutCode(error) : error.message;
  return {
    status: candidates.find(isGrpcErrorStatus) ?? "INTERNAL",
    message: redactText(text).toWellFormed(),
    statusDetails: statusDetailsOf(error),
  };
}

/** The details for programs that an error carries, from a handler or from another server. */
function statusDetailsOf(error: KxError): readonly Any[] {
  const details = error.details["statusDetails"];
  return Array.isArray(details) ? details : [];
}

/** The status says what the code would. */
function withoutCode({ reason, remedy }: KxError): string {
  return remedy === undefined ? reason : `${reason} (${remedy})`;
}
