import type { Message } from "@bufbuild/protobuf";
import { KxError } from "@kx/core";
import { uncountedKeys } from "./field-rules.ts";

const minTokenLength = 8;

/**
 * The error, without the service account tokens of its request. They come in `volume_context`, a field that is not marked as
 * secret (CVE-2023-2878), so that no descriptor tells of them.
 */
export function withoutTokens(error: KxError, request: Message): KxError {
  const tokens = tokensIn(request);
  const texts = `${error.message}${error.stack ?? ""}${describe(error.cause)}`;
  if (!tokens.some((token) => texts.includes(token))) return error;
  const clean = (text: string): string => tokens.reduce((rest, token) => rest.replaceAll(token, "[redacted]"), text);
  return new KxError(error.code, clean(error.reason), {
    retryable: error.retryable,
    details: { grpc: error.details["grpc"] },
    ...(error.remedy === undefined ? {} : { remedy: clean(error.remedy) }),
  });
}

function tokensIn(request: Message): readonly string[] {
  const context: unknown = Reflect.get(request, "volumeContext");
  if (typeof context !== "object" || context === null) return [];
  const values = [...uncountedKeys]
    .map((key): unknown => Reflect.get(context, key))
    .filter((value) => typeof value === "string");
  return values.flatMap((text) => [text, ...text.split(/[^\w.-]+/)]).filter((text) => text.length >= minTokenLength);
}

function describe(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return `${cause.message}${cause.stack ?? ""}${cause.cause === undefined ? "" : describe(cause.cause)}`;
}
