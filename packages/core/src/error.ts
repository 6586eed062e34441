/** `KX_<AREA>_<WHAT>`, listed with meaning and remedy in docs/errors.md. */
export type KxErrorCode = `KX_${string}`;

/** What an error may carry beside its message. */
export interface KxErrorOptions {
  /** The error that led to this one. */
  readonly cause?: unknown;
  /** What the reader can do about it, one sentence. Shown after the message. */
  readonly remedy?: string;
  /** Whether the same call may succeed later without any change. Default: false. */
  readonly retryable?: boolean;
  /** Facts for machines: paths, values, identifiers. Never secrets. */
  readonly details?: Readonly<Record<string, unknown>>;
}

const brand = Symbol.for("kx.dev/error");

/** The one error class of kx. Its message starts with its code, so that a log line alone is enough to look it up. */
export class KxError extends Error {
  override readonly name = "KxError";
  readonly code: KxErrorCode;
  readonly remedy: string | undefined;
  readonly retryable: boolean;
  readonly details: Readonly<Record<string, unknown>>;
  /** The message without code and remedy. */
  readonly reason: string;

  constructor(code: KxErrorCode, reason: string, options: KxErrorOptions = {}) {
    const remedy = options.remedy === undefined ? "" : ` (${options.remedy})`;
    super(`[${code}] ${reason}${remedy}`, options.cause === undefined ? undefined : { cause: options.cause });
    Object.defineProperty(this, brand, { value: true });
    this.code = code;
    this.reason = reason;
    this.remedy = options.remedy;
    this.retryable = options.retryable ?? false;
    this.details = options.details ?? {};
  }

  /** True for a KxError of any copy of this package in the process. */
  static is(value: unknown): value is KxError {
    return typeof value === "object" && value !== null && brand in value;
  }

  /** Makes a KxError of anything thrown; a KxError is returned as it is. */
  static from(value: unknown, code: KxErrorCode = "KX_CORE_UNEXPECTED"): KxError {
    if (KxError.is(value)) return value;
    return new KxError(code, value instanceof Error ? value.message : String(value), { cause: value });
  }
}

/** One row of a package's error catalogue (its `errors.ts`), from which docs/errors.md is checked. */
export interface ErrorEntry {
  readonly meaning: string;
  readonly remedy: string;
}

/** A package's catalogue: every code it throws. */
export type ErrorCatalogue = Readonly<Record<KxErrorCode, ErrorEntry>>;
