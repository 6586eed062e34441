import { create, type DescMethod, type Message, type MessageInitShape } from "@bufbuild/protobuf";
import type { Logger } from "../context.ts";
import { isRecord } from "../is-record.ts";
import { redact } from "../redact.ts";
import { asksStream, methodPath, type UniversalInterceptor } from "./handlers.ts";
import { observe } from "./observe.ts";
import { type Redactor, secretsOf, withoutSecrets } from "./redactor.ts";
import { type StatusTable, toStatus } from "./status-mapping.ts";

/** What `logCalls` needs. */
export interface LogCallsOptions {
  readonly log: Logger;
  readonly redactor: Redactor;
  /** Which status answers which error. Default: what the errors say themselves. */
  readonly statusTable?: StatusTable;
}

/** Logs each call with its request, status and milliseconds: at debug if it went well, at warn with its error if not. */
export function logCalls({ log, redactor, statusTable }: LogCallsOptions): UniversalInterceptor {
  return (next, method) => {
    const name = methodPath(method);
    return observe(next, method, (request, end, exactMs) => {
      const ms = Math.round(exactMs * 1000) / 1000;
      if (end.outcome === "failed") {
        const { status } = toStatus(end.error, statusTable);
        const err = showError(end.error, secretsOf(redactor, method, request));
        log.warn({ method: name, status, ms, request: showRequest(redactor, method, request), err }, "call failed");
        return;
      }
      if (log.isEnabled?.("debug") === false) return;
      const isOk = end.outcome === "ok";
      const shown = {
        request: showRequest(redactor, method, request),
        response: isOk ? showResponse(redactor, method, end.response) : undefined,
      };
      log.debug({ method: name, status: isOk ? "OK" : "CANCELLED", ms, ...shown }, "call");
    });
  };
}

function showRequest(redactor: Redactor, method: DescMethod, request: object): unknown {
  return asksStream(method) ? undefined : redactor.show(method.input, request as Message);
}

function showResponse(redactor: Redactor, { output }: DescMethod, response: object | undefined): unknown {
  if (response === undefined) return undefined;
  return redactor.show(output, create(output, response as MessageInitShape<typeof output>));
}

function showError(error: unknown, secrets: readonly string[]): unknown {
  return secrets.length === 0 ? error : scrub(redact(error), secrets);
}

function scrub(value: unknown, secrets: readonly string[]): unknown {
  if (typeof value === "string") return withoutSecrets(value, secrets);
  if (Array.isArray(value)) return value.map((item) => scrub(item, secrets));
  if (!isRecord(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, scrub(item, secrets)]));
}
