import { KxError } from "@kx/core";

/** Ends a case: the plug-in does not do what the specification asks for. */
export function fail(reason: string): never {
  throw new KxError("KX_CNI_CONFORMANCE", reason);
}
