import type { DescMethod } from "@bufbuild/protobuf";
import type { AnyHandler, CallInfo } from "./handlers.ts";
import { answersStream } from "./handlers.ts";

/** How a call ended: well, early because its reader stopped, or with a failure. */
export type CallEnd =
  | { readonly outcome: "ok"; readonly response?: object }
  | { readonly outcome: "stopped" }
  | { readonly outcome: "failed"; readonly error: unknown };

/** Told once a call, when it has ended; `ms` milliseconds after it began. */
export type Observer = (request: object, end: CallEnd, ms: number) => void;

/** Calls `next` and tells `observer` how that ended; for a stream of answers, how the stream did. */
export function observe<Ctx extends CallInfo>(
  next: AnyHandler<Ctx>,
  method: DescMethod,
  observer: Observer,
): AnyHandler<Ctx> {
  const hasStream = answersStream(method);
  const succeed = (request: object, response: object, startMs: number): object => {
    if (hasStream) return followed(request, response, startMs, observer);
    observer(request, { outcome: "ok", response }, performance.now() - startMs);
    return response;
  };
  const fail = (request: object, error: unknown, startMs: number): never => {
    observer(request, { outcome: "failed", error }, performance.now() - startMs);
    throw error;
  };
  return (request, ctx) => {
    const startMs = performance.now();
    let result: object | Promise<object>;
    try {
      result = next(request, ctx);
    } catch (error) {
      return fail(request, error, startMs);
    }
    if (!(result instanceof Promise)) return succeed(request, result, startMs);
    return result.then(
      (response) => succeed(request, response, startMs),
      (error: unknown) => fail(request, error, startMs),
    );
  };
}

async function* followed(request: object, stream: object, startMs: number, observer: Observer): AsyncGenerator {
  let end: CallEnd = { outcome: "stopped" };
  try {
    yield* stream as AsyncIterable<unknown>;
    end = { outcome: "ok" };
  } catch (error) {
    end = { outcome: "failed", error };
    throw error;
  } finally {
    observer(request, end, performance.now() - startMs);
  }
}
