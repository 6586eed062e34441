import { KxError } from "@kx/core";

/** A failed file operation as an error of this package. */
export function failed(what: string, cause: unknown): KxError {
  const code = (cause as NodeJS.ErrnoException).code ?? "";
  const isFull = ["ENOSPC", "EDQUOT"].includes(code);
  return new KxError("KX_CSI_STATE_IO", `${what}: ${KxError.from(cause).reason}`, {
    cause,
    retryable: isFull,
    remedy: isFull ? "make room on that disk" : "check the folder's permissions and its disk",
    details: { errno: code },
  });
}
