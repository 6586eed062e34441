import type { DescMethod, Message } from "@bufbuild/protobuf";
import type { Clock, Logger } from "@kx/core";
import type { CallContext } from "@kx/core/grpc";
import { digest, withoutSecretsJson } from "./canonical.ts";
import { creatingJson } from "./compatible.ts";
import type { CsiContext } from "./csi-context.ts";
import type { JsonRecord, StoredObject } from "./volume-state.ts";

/** A call as its handler and the rules around it see it; what costs something is made when it is asked for. */
export class CsiCall implements CsiContext {
  declare readonly deadline?: number;
  /** Set by the rules before the handler is called. */
  declare stored?: StoredObject;
  /** What the handler wants to be kept. */
  kept: JsonRecord | undefined;
  readonly #ctx: CallContext;
  readonly #method: DescMethod;
  readonly #request: Message;
  readonly #end: AbortSignal | undefined;
  #json: JsonRecord | undefined;

  constructor(ctx: CallContext, method: DescMethod, request: Message, end?: AbortSignal) {
    this.#ctx = ctx;
    this.#end = end;
    this.#method = method;
    this.#request = request;
    if (ctx.deadline !== undefined) this.deadline = ctx.deadline;
    this.keep = this.keep.bind(this);
  }

  get method(): string {
    return this.#ctx.method;
  }

  get signal(): AbortSignal {
    return this.#end ?? this.#ctx.signal;
  }

  get log(): Logger {
    return this.#ctx.log;
  }

  get clock(): Clock {
    return this.#ctx.clock;
  }

  /** The request as it may be kept. */
  get json(): JsonRecord {
    this.#json ??= withoutSecretsJson(this.#method.input, this.#request);
    return this.#json;
  }

  get fingerprint(): string {
    return digest({ method: this.#method.name, request: creatingJson(this.#method.localName, this.json) });
  }

  keep(data: JsonRecord): void {
    this.kept = data;
  }

  /** The same call for a handler that is asked about one object of several; what it wants kept is not. */
  about(stored: StoredObject | undefined): CsiCall {
    const call = new CsiCall(this.#ctx, this.#method, this.#request);
    if (stored !== undefined) call.stored = stored;
    return call;
  }

  /** What the handler wants kept, or what was kept before. */
  dataOf(before: StoredObject | undefined): { readonly data?: JsonRecord } {
    const data = this.kept ?? before?.data;
    return data === undefined ? {} : { data };
  }
}
