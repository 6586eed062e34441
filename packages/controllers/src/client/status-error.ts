import { KxError, type KxErrorCode } from "@kx/core";
import type { Status } from "../api/gen/meta-v1.ts";
import type { ClientConfig } from "../config.ts";
import { type CallFacts, invalidFields, remedyOf } from "./remedy.ts";

export type { CallFacts } from "./remedy.ts";

const byHttpStatus: Readonly<Record<number, KxErrorCode>> = {
  400: "KX_API_BAD_REQUEST",
  401: "KX_API_UNAUTHORIZED",
  403: "KX_API_FORBIDDEN",
  404: "KX_API_NOT_FOUND",
  405: "KX_API_METHOD_NOT_ALLOWED",
  409: "KX_API_CONFLICT",
  410: "KX_API_GONE",
  422: "KX_API_INVALID",
  429: "KX_API_TOO_MANY_REQUESTS",
};

/** What an error's remedy is made of. */
export interface ErrorFacts extends CallFacts {
  readonly config?: ClientConfig;
}

/** The error for a Status that the API server sent with this HTTP status, while doing `what`. */
export function statusError(httpStatus: number, status: Status, what: string, facts: ErrorFacts = {}): KxError {
  return apiError(httpStatus, status, `${what}: ${status.message ?? `HTTP ${httpStatus}`}`, facts);
}

/** The error for an answer whose body should be a Status, but may be a proxy's page or a line of text. */
export function answerError(httpStatus: number, body: Buffer, what: string, facts: ErrorFacts = {}): KxError {
  const status = parseStatus(body);
  if (status !== undefined) return statusError(httpStatus, status, what, facts);
  const start = body.subarray(0, 200).toString("utf8").split("\n")[0]?.trim() ?? "";
  return apiError(httpStatus, undefined, `${what}: HTTP ${httpStatus} ${start}`.trimEnd(), facts);
}

function apiError(httpStatus: number, status: Status | undefined, reason: string, facts: ErrorFacts): KxError {
  const code = codeOf(httpStatus, status);
  const remedy = remedyOf(code, status, facts);
  return new KxError(code, reason, {
    retryable: httpStatus === 429 || httpStatus >= 500,
    ...(remedy === undefined ? {} : { remedy }),
    details: {
      httpStatus,
      ...(status === undefined ? {} : { status }),
      ...(code === "KX_API_INVALID" ? { fields: invalidFields(status) } : {}),
    },
  });
}

function codeOf(httpStatus: number, status: Status | undefined): KxErrorCode {
  if (status?.reason === "AlreadyExists") return "KX_API_ALREADY_EXISTS";
  // A watch reports an expired resource version as an event, with 410 in it or the reason alone.
  if (status?.reason === "Expired" || status?.reason === "Gone") return "KX_API_GONE";
  return byHttpStatus[httpStatus] ?? (httpStatus >= 500 ? "KX_API_UNAVAILABLE" : "KX_API_REJECTED");
}

function parseStatus(body: Buffer): Status | undefined {
  try {
    const value: unknown = JSON.parse(body.toString("utf8"));
    const isStatus = typeof value === "object" && value !== null && "kind" in value && value.kind === "Status";
    return isStatus ? (value as Status) : undefined;
  } catch {
    return undefined;
  }
}

/** Whether an error says that the object, or its resource, does not exist. */
export function isNotFound(error: unknown): boolean {
  return KxError.is(error) && error.code === "KX_API_NOT_FOUND";
}
