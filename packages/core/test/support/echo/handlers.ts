import { create } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import type { CallContext, MethodHandlers } from "../../../src/grpc/index.ts";
import { grpcError } from "../../../src/grpc/index.ts";
import { errorStatusOf } from "../../../src/grpc/status.ts";
import { type Echo, EchoRequestSchema } from "./gen/echo_pb.ts";

/** Echo as its proto file describes it; `onGone` hears of each caller that left, with the reason's code. */
export function echoHandlers(onGone: (code: string) => void = () => undefined): MethodHandlers<typeof Echo> {
  const gone = (ctx: CallContext) =>
    new Promise<never>((_, reject) => {
      const onAbort = () => {
        onGone(ctx.callSignal.reason.code);
        reject(ctx.callSignal.reason);
      };
      if (ctx.callSignal.aborted) onAbort();
      else ctx.callSignal.addEventListener("abort", onAbort, { once: true });
    });
  return {
    async unary({ text, number, payload, hang, failWith }, ctx) {
      if (failWith !== 0) {
        const detail = anyPack(EchoRequestSchema, create(EchoRequestSchema, { text }));
        throw grpcError(errorStatusOf(failWith), text, { statusDetails: [detail] });
      }
      if (hang) await gone(ctx);
      return { text, number, payload, deadlineMs: BigInt(Math.round(ctx.deadline ?? 0)) };
    },
    async *count({ to, payload }, ctx) {
      try {
        const last = to < 0 ? Infinity : to;
        for (let n = 1; n <= last; n += 1) yield { number: BigInt(n), payload };
      } finally {
        if (to < 0) onGone(ctx.callSignal.aborted ? ctx.callSignal.reason.code : "stopped");
      }
    },
    async join(requests) {
      let text = "";
      for await (const request of requests) text += request.text;
      return { text };
    },
    async *chat(requests) {
      for await (const { text } of requests) yield { text: text.toUpperCase() };
    },
  };
}
