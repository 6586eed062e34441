import type { Context } from "@kx/core";
import type { JsonRecord, StoredObject } from "./volume-state.ts";

/**
 * What a handler gets beside its request. `signal` fires only when the driver is shut down: `deadline` tells when the caller
 * stops waiting, and work that takes longer is finished all the same, as its result goes to the caller's retry. Of a stream, which
 * nobody takes up again, it fires also when the reader has gone.
 */
export interface CsiContext extends Context {
  /** As gRPC writes it: `/csi.v1.Controller/CreateVolume`. */
  readonly method: string;
  /**
   * 64 hex digits of what a retry of this request must have in common with it: name, parameters and source. A driver
   * without `state` stores it with what it makes, and refuses a request of the same name and another fingerprint.
   */
  readonly fingerprint: string;
  /** What the state holds of the object that the request names; absent without state, and where it does not exist. */
  readonly stored?: StoredObject;
  /** Stores data of the driver's own with the object of this request, in the same write as the kit's. Needs `state`. */
  keep(data: JsonRecord): void;
}

/** What `init` gets. */
export type CsiInitContext = Context;
