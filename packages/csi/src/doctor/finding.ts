import type { StorageRef, StuckKind } from "./storage-ref.ts";

/** The last failure that was told about an object. */
export interface LastError {
  /** Where it stands: an event's reason, a condition's type or a field of the status. */
  readonly source: string;
  readonly message: string;
  /** RFC 3339, where it is known. */
  readonly at?: string;
  /** How often it was told, where it is known. */
  readonly count?: number;
}

/** Why an object does not go on. */
export interface Finding {
  /** A name of the case, such as `ClassMissing`. */
  readonly code: string;
  /** `stuck`: it needs somebody. `waiting`: nothing is wrong so far; it goes on by itself, or once it is used. */
  readonly state: "stuck" | "waiting";
  /** What does not go on. */
  readonly about: StorageRef<StuckKind>;
  readonly message: string;
  /** Whom it waits for. */
  readonly waitsFor: string;
  /** Pods, claims and volumes that do not go on because of it. */
  readonly holdsUp: readonly StorageRef[];
  readonly lastError?: LastError;
  readonly remedy: string;
}

/** A finding as a rule gives it: about which object it is, and what it holds up, is added by who calls the rule. */
export interface Found {
  readonly code: string;
  /** Default: `stuck`. */
  readonly state?: "waiting";
  readonly message: string;
  readonly waitsFor: string;
  readonly lastError?: LastError | undefined;
  readonly remedy: string;
}
