import { KxError } from "@kx/core";
import type { JsonObject } from "@kx/core/contracts/cni";

/**
 * Reads a text as a JSON object.
 *
 * @param what - the text is, for the message.
 * @throws KxError `KX_CNI_DECODING`.
 */
export function parseObject(text: string, what: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new KxError("KX_CNI_DECODING", `${what} is no JSON: ${where(text, error)}`);
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw new KxError("KX_CNI_DECODING", `${what} is no JSON object`);
}

/** Where a text is no JSON. V8's own message quotes the text, which may hold secrets. */
function where(text: string, error: unknown): string {
  if (text.trim() === "") return "it is empty";
  const position = /position \d+( \(line \d+ column \d+\))?/.exec(String(error))?.[0];
  return position === undefined ? "unexpected character or end" : `unexpected character at ${position}`;
}
