import { KxError, type KxErrorCode } from "@kx/core";
import { type CniError, cniErrorCodes } from "@kx/core/contracts/cni";
import type { cniErrors } from "../errors.ts";

const firstOwnCode = 100;

/** What a number of CNI is of ours, and the other way round. Everything else is `internal`. */
const numbers: Partial<Record<keyof typeof cniErrors, number>> = {
  KX_CNI_VERSION: cniErrorCodes.incompatibleVersion,
  KX_CNI_UNSUPPORTED: cniErrorCodes.unsupportedField,
  KX_CNI_UNKNOWN_CONTAINER: cniErrorCodes.unknownContainer,
  KX_CNI_ENVIRONMENT: cniErrorCodes.badEnvironment,
  KX_CNI_IO: cniErrorCodes.ioFailure,
  KX_CNI_DECODING: cniErrorCodes.decodingFailure,
  KX_CNI_CONFIG: cniErrorCodes.invalidConfig,
  KX_CNI_NETNS: cniErrorCodes.badNetns,
  KX_CNI_TRY_AGAIN: cniErrorCodes.tryAgainLater,
  KX_CNI_CANCELLED: cniErrorCodes.tryAgainLater,
  KX_CNI_NOT_AVAILABLE: cniErrorCodes.notAvailable,
  KX_CNI_LIMITED_CONNECTIVITY: cniErrorCodes.limitedConnectivity,
};

/**
 * An error with a code of the plug-in's own, for its handlers to throw.
 *
 * @param code - 100 or more; what it means stands in the plug-in's documentation.
 * @param message - short: what failed.
 * @param details - long: where, and what to do.
 */
export function ownFailure(code: number, message: string, details?: string): KxError {
  if (!Number.isInteger(code) || code < firstOwnCode) {
    throw new KxError("KX_CNI_DEFINITION", `${code} is no code of a plug-in's own`, {
      remedy: `use a whole number from ${firstOwnCode}, or throw a KxError with one of kx's codes`,
    });
  }
  return foreignFailure({ code, msg: message, ...(details === undefined ? {} : { details }) });
}

/** The error that another plug-in printed, so that it is passed on with its number and words. */
export function foreignFailure(failure: CniError, plugin?: string): KxError {
  return new KxError("KX_CNI_PLUGIN", failure.msg, {
    retryable: failure.code === cniErrorCodes.tryAgainLater,
    details: {
      cniCode: failure.code === 0 ? cniErrorCodes.internal : failure.code,
      ...(failure.details === undefined ? {} : { cniDetails: failure.details }),
      ...(plugin === undefined ? {} : { plugin }),
    },
  });
}

/** The error of a call whose signal has aborted: the signal's reason, if that is one of ours. */
export function cancelled({ reason }: AbortSignal): KxError {
  if (KxError.is(reason)) return reason;
  return new KxError("KX_CNI_CANCELLED", "the call was given up", { cause: reason, retryable: true });
}

/** What a plug-in prints for an error: anything thrown has a number, and no stack. */
export function toCniError(thrown: unknown, cniVersion: string): CniError {
  const error = KxError.from(thrown);
  const { cniCode, cniDetails } = error.details;
  if (typeof cniCode === "number") {
    const details = typeof cniDetails === "string" && cniDetails !== "" ? { details: cniDetails } : {};
    return { cniVersion, code: cniCode, msg: error.reason, ...details };
  }
  const isForeseen = error.code !== "KX_CORE_UNEXPECTED";
  return {
    cniVersion,
    code: numberOf(error),
    msg: isForeseen ? `[${error.code}] ${error.reason}` : error.reason || "unknown error",
    ...(error.remedy === undefined ? {} : { details: error.remedy }),
  };
}

function numberOf(error: KxError): number {
  const known: Partial<Record<KxErrorCode, number>> = numbers;
  return known[error.code] ?? (error.retryable ? cniErrorCodes.tryAgainLater : cniErrorCodes.internal);
}
