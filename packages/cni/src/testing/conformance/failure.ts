import { KxError } from "@kx/core";

/** Ends a case: the plug-in does not do what the specification asks for. */
export function fail(reason: string): never {
  throw new KxError("KX_CNI_CONFORMANCE", reason);
}

/** Ends a case that this plug-in need not, or this machine cannot, go through. */
export function notApplicable(reason: string): never {
  throw new NotApplicable(reason);
}

/** Thrown by a case that says nothing about this plug-in. */
export class NotApplicable extends Error {
  override readonly name = "NotApplicable";
}
