import type { CniCommand, CniError, JsonObject } from "@kx/core/contracts/cni";
import type { PluginAnswer } from "../plugin-call.ts";
import { fail } from "./failure.ts";

/** What a plug-in answered, and to what. */
export interface Answer extends PluginAnswer {
  readonly command: CniCommand;
}

/** What a call printed on success, as JSON. Ends the case if it failed. */
export function printedBy(answer: Answer): JsonObject {
  succeeded(answer);
  return objectOf(answer) ?? fail(`${answer.command} printed no JSON object: ${quote(answer.stdout)}`);
}

/** Ends the case unless a call succeeded. */
export function succeeded(answer: Answer, when = ""): void {
  if (answer.exitCode === 0) return;
  const error = objectOf(answer);
  const said =
    error === undefined
      ? `printing ${quote(answer.stdout)}`
      : `with code ${shown(error["code"])}: ${shown(error["msg"])}`;
  fail(`${answer.command}${when === "" ? "" : ` ${when}`} failed, but must succeed; it ended ${said}`);
}

/**
 * The error object of a call that must fail. Ends the case if it did not, or printed something else.
 *
 * @param codes - of which the error's must be one. None: any.
 */
export function failureOf(answer: Answer, codes: readonly number[] = [], when = ""): CniError {
  const call = `${answer.command}${when === "" ? "" : ` ${when}`}`;
  if (answer.exitCode === 0) fail(`${call} succeeded, but must fail${wanted(codes)}`);
  const error = objectOf(answer);
  if (error === undefined) fail(`${call} failed without an error object on standard output: ${quote(answer.stdout)}`);
  const { code, msg, details } = error;
  if (typeof code !== "number" || typeof msg !== "string" || msg === "") {
    fail(`${call} failed with an error object without code or msg: ${quote(answer.stdout)}`);
  }
  if (codes.length > 0 && !codes.includes(code)) fail(`${call} failed with code ${code}, not${wanted(codes)}: ${msg}`);
  return { code, msg, ...(typeof details === "string" ? { details } : {}) };
}

/** The words of an error. */
export function wordsOf({ msg, details = "" }: CniError): string {
  return `${msg} ${details}`;
}

function objectOf({ stdout }: Answer): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(stdout);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
  } catch {
    return undefined;
  }
}

const wanted = (codes: readonly number[]): string => (codes.length === 0 ? "" : ` with code ${codes.join(" or ")}`);
const shown = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));

function quote(text: string): string {
  return text === "" ? "nothing" : JSON.stringify(text.length > 300 ? `${text.slice(0, 300)}...` : text);
}
