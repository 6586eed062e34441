import * as z from "zod/mini";
import { miniSchema } from "../../config/mini-schema.ts";
import type { Schema } from "../../schema.ts";

/** The codes that the specification and its Go library give a meaning; from 100 on they are the plug-in's own. */
export const cniErrorCodes = {
  /** The plug-in does not know the configuration's `cniVersion`. */
  incompatibleVersion: 1,
  /** A field's value is not supported; the message names both. */
  unsupportedField: 2,
  /** The container is not known, so the runtime has nothing to clean up. */
  unknownContainer: 3,
  /** Environment variables are missing or wrong; the message names all of them. */
  badEnvironment: 4,
  /** Reading or writing failed. */
  ioFailure: 5,
  /** The configuration is no JSON. */
  decodingFailure: 6,
  /** The configuration is wrong. */
  invalidConfig: 7,
  /** The network namespace is wrong: not one, or the plug-in's own. Of the Go library, not of the specification. */
  badNetns: 8,
  /** Come again later. */
  tryAgainLater: 11,
  /** STATUS: ADD would fail. */
  notAvailable: 50,
  /** STATUS: ADD would fail, and containers that run may have lost their network. */
  limitedConnectivity: 51,
  /** Anything else. Of the Go library, not of the specification. */
  internal: 999,
} as const;

/** What a plug-in prints when it failed. */
export interface CniError {
  readonly cniVersion?: string;
  /** One of `cniErrorCodes`, or 100 and more. */
  readonly code: number;
  readonly msg: string;
  readonly details?: string;
}

export const cniError: Schema<CniError> = miniSchema(
  z.looseObject({
    cniVersion: z.exactOptional(z.string()),
    code: z.int().check(z.nonnegative()),
    msg: z.string(),
    details: z.exactOptional(z.string()),
  }),
);
