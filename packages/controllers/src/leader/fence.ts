import type { TransportRequest } from "../transport/exchange.ts";
import type { Transport } from "../transport/transport.ts";
import type { Term } from "./term.ts";

// A part is given a signal and nothing else: what it acts under travels with that.
const terms = new WeakMap<AbortSignal, Term>();

/** A signal for a part that acts under a term: aborts when the term ends or when the part is to stop. */
export function actUnder(term: Term, signal: AbortSignal): AbortSignal {
  const both = AbortSignal.any([signal, term.signal]);
  terms.set(both, term);
  return both;
}

/** The term that a part's signal stands for; undefined where leaders are not elected. */
export function termOf(signal: AbortSignal): Term | undefined {
  return terms.get(signal);
}

/** A transport that makes changes only during a term: those under way when it ends are broken off. */
export function fenced(transport: Transport, term: Term): Transport {
  const guarded = (request: TransportRequest): TransportRequest => {
    if (request.method === "GET") return request;
    term.check();
    const { signal } = request;
    return { ...request, signal: signal === undefined ? term.signal : AbortSignal.any([signal, term.signal]) };
  };
  return {
    request: async (request) => await transport.request(guarded(request)),
    stream: async (request) => await transport.stream(guarded(request)),
    // The connection belongs to whoever opened it.
    [Symbol.asyncDispose]: async () => undefined,
  };
}
