import {
  create,
  type DescMethod,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  type Message,
} from "@bufbuild/protobuf";
import { KxError } from "@kx/core";
import type { CallContext, MessageStream } from "@kx/core/grpc";
import { digest } from "./canonical.ts";
import { checkResponse } from "./check-response.ts";
import { withCondition } from "./condition.ts";
import { CsiCall } from "./csi-call.ts";
import { csiError, toCsiError } from "./csi-error.ts";
import type { Kit, ResponseOf, Rule, Step, UnaryName } from "./kit.ts";
import { toStored } from "./stored-message.ts";
import { requireStored } from "./stored-volume.ts";
import { withoutTokens } from "./tokens.ts";
import { problemOf } from "./validate-message.ts";
import type { JsonRecord } from "./volume-state.ts";

type UnaryHandler = (request: never, call: CsiCall) => Promise<Readonly<Record<string, unknown>> | void>;
type StreamHandler = (request: never, call: CsiCall) => MessageStream<Readonly<Record<string, unknown>>>;

/** A served call, as the gRPC server takes it and as parts of the same process make it. */
export type ServedUnary = (request: Message, ctx: CallContext) => Promise<object>;

/** Puts the kit around the handler of one call: readiness, validation, locks and joining, the call's own rules. */
export function serveUnary<Name extends UnaryName>(
  kit: Kit,
  name: Name,
  method: DescMethodUnary,
  handler: UnaryHandler | undefined,
  rule: Rule<Name> | undefined,
): ServedUnary {
  const { input, output } = method;
  const answer = async (given: Message, ctx: CallContext): Promise<object> => {
    refuseUnready(kit);
    refuseProblem(method, given);
    // The server has decoded it by this very method.
    const request = given as Step<Name>["request"];
    const call = new CsiCall(ctx, method, given);
    const step: Step<Name> = {
      kit,
      request,
      call,
      async handle(asked = request) {
        if (handler === undefined) throw csiError("UNSUPPORTED", `the driver has no ${name}`);
        const response = create(output, (await handler(asked as never, call)) ?? {}) as ResponseOf<Name>;
        checkResponse(kit, name, output, request, response);
        return response;
      },
    };
    const work = async (): Promise<object> => {
      const response = await (rule?.around?.(step) ?? step.handle());
      return await withCondition(name, step, response);
    };
    const keys = rule?.locks?.(request);
    if (keys === undefined) return await work();
    return await kit.operations.run({ ctx, keys, digest: digest(sameJson(toStored(input, given))) }, work);
  };
  return async (request, ctx) => {
    try {
      return await answer(request, ctx);
    } catch (error) {
      throw withoutTokens(toCsiError(error), request);
    }
  };
}

/** Puts the kit around a handler that answers with a stream. */
export function serveStream(
  kit: Kit,
  method: DescMethodServerStreaming,
  handler: StreamHandler,
): (request: Message, ctx: CallContext) => AsyncGenerator<object> {
  return async function* (request, ctx) {
    try {
      refuseUnready(kit);
      const { startingOffset = 0n, ...ids } = request as { readonly startingOffset?: bigint };
      if (startingOffset < 0n) throw csiError("OUT_OF_RANGE", "starting_offset is negative");
      refuseProblem(method, request);
      const call = new CsiCall(ctx, method, request, AbortSignal.any([ctx.signal, ctx.callSignal]));
      const named = ids as { readonly [key: string]: unknown };
      for (const key of ["baseSnapshotId", "targetSnapshotId", "snapshotId"]) {
        const id = named[key];
        if (typeof id === "string") await requireStored(kit, call, "snapshot", id);
      }
      for await (const init of handler(request as never, call)) {
        const response = create(method.output, init);
        checkResponse(kit, method.localName, method.output, request, response);
        yield response;
      }
    } catch (error) {
      throw toCsiError(error);
    }
  };
}

function refuseUnready(kit: Kit): void {
  const reason = kit.starting();
  if (reason === undefined) return;
  throw new KxError("KX_CSI_STARTING", "the driver is not ready yet", { cause: reason, retryable: true });
}

function refuseProblem({ input }: DescMethod, request: Message): void {
  const problem = problemOf(input, request);
  if (problem !== undefined) throw csiError("INVALID_ARGUMENT", problem);
}

/** Whoever asks again may have got new secrets meanwhile. */
function sameJson({ secrets: _secrets, ...rest }: JsonRecord): JsonRecord {
  return rest;
}
