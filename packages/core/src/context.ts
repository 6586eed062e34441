/** Fields of a log line: plain data, no secrets (those are redacted centrally all the same). */
export type LogFields = Readonly<Record<string, unknown>>;

/** What kx logs through. Constant lower-case message, variable parts as fields: `log.info({ volumeId }, "volume published")`. */
export interface Logger {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  /** Whether lines of a level are written, so that fields which cost something are made only then. Absent: they are. */
  isEnabled?(level: "debug" | "info" | "warn" | "error"): boolean;
  /** A logger that adds these fields to each line. */
  child(fields: LogFields): Logger;
}

/** Time as a dependency, so that tests never sleep. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Resolves after `ms` milliseconds, or rejects with the signal's reason as soon as it aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** What every handler gets beside its request. */
export interface Context {
  /** Aborts when the work is no longer wanted; what that means is told by each extension kind. */
  readonly signal: AbortSignal;
  readonly log: Logger;
  readonly clock: Clock;
  /** When the caller stops waiting, in milliseconds since the epoch; absent if it waits for ever. */
  readonly deadline?: number;
}
