import type { Deadline, Metadata } from "@grpc/grpc-js";
import type { Clock, Logger } from "../context.ts";
import type { KxError } from "../error.ts";
import type { CallContext } from "./handlers.ts";
import type { Roster } from "./roster.ts";
import { grpcError } from "./status-mapping.ts";

/** What every kind of call of grpc-js has. */
export interface TransportCall {
  readonly cancelled: boolean;
  readonly metadata: Metadata;
  getDeadline(): Deadline;
  once(event: "cancelled", listener: () => void): unknown;
}

/** What all calls of a server share. */
export interface CallServices {
  readonly log: Logger;
  readonly clock: Clock;
  /** Calls whose handlers are at work, also for a caller that has gone. */
  readonly active: Roster<ServerCall>;
}

/** One call at work. Signals and logger are made when they are first asked for: most calls need none. */
export class ServerCall implements CallContext {
  readonly method: string;
  readonly clock: Clock;
  declare readonly deadline?: number;
  /** Whether the method answers with a stream, which ends when the server begins to stop. */
  readonly isStream: boolean;
  readonly #services: CallServices;
  readonly #call: TransportCall;
  readonly #refuse: (reason: KxError) => void;
  #log: Logger | undefined;
  #shutdown: AbortController | undefined;
  #caller: AbortController | undefined;
  #stopReason: KxError | undefined;
  #abandoned: KxError | undefined;
  #limit: AbortController | undefined;

  constructor(
    services: CallServices,
    method: string,
    isStream: boolean,
    call: TransportCall,
    refuse: (reason: KxError) => void,
  ) {
    this.#services = services;
    this.#call = call;
    this.#refuse = refuse;
    this.method = method;
    this.isStream = isStream;
    this.clock = services.clock;
    const deadline = Number(call.getDeadline());
    if (Number.isFinite(deadline)) this.deadline = deadline;
    services.active.add(this);
  }

  get log(): Logger {
    this.#log ??= this.#services.log.child({ method: this.method });
    return this.#log;
  }

  get signal(): AbortSignal {
    if (this.#shutdown === undefined) {
      this.#shutdown = new AbortController();
      if (this.#stopReason !== undefined) this.#shutdown.abort(this.#stopReason);
    }
    return this.#shutdown.signal;
  }

  get callSignal(): AbortSignal {
    if (this.#caller === undefined) {
      const caller = new AbortController();
      this.#caller = caller;
      if (this.#abandoned !== undefined) caller.abort(this.#abandoned);
      else if (this.#call.cancelled) this.#callerLeft();
      // The transport says "cancelled" also after an answer, when nobody is left to be told.
      else this.#call.once("cancelled", () => this.#callerLeft());
    }
    return this.#caller.signal;
  }

  header(name: string): string | undefined {
    const value = this.#call.metadata.get(name)[0];
    return typeof value === "string" ? value : undefined;
  }

  /** Whether the handler's answer is still to be given: nobody has answered in its place. */
  get isOpen(): boolean {
    return this.#services.active.has(this);
  }

  /** The error that a gone caller is reason for. */
  leftReason(): KxError {
    // The transport counts in real time, whatever clock handlers are given.
    const isLate = this.deadline !== undefined && Date.now() >= this.deadline;
    return isLate
      ? grpcError("DEADLINE_EXCEEDED", `the caller's deadline of ${this.method} has passed`)
      : grpcError("CANCELLED", `the caller of ${this.method} has gone`);
  }

  /** Tells the handler that the server stops. */
  shutDown(reason: KxError): void {
    this.#stopReason ??= reason;
    this.#shutdown?.abort(this.#stopReason);
  }

  /** Answers in the handler's place, which has been given enough time. */
  abandon(reason: KxError): void {
    this.#abandoned = reason;
    this.shutDown(reason);
    this.#caller?.abort(reason);
    this.end();
    this.#refuse(reason);
  }

  /** Answers in the handler's place once so many milliseconds have passed, and tells it. */
  limit(ms: number, onLate: () => void): void {
    const limit = new AbortController();
    this.#limit = limit;
    const late = (): void => {
      if (!this.isOpen) return;
      const seconds = ms / 1000;
      this.abandon(grpcError("DEADLINE_EXCEEDED", `${this.method} has taken the ${seconds} s that a call may take`));
      onLate();
    };
    this.clock.sleep(ms, limit.signal).then(late, () => undefined);
  }

  /** The handler is done. */
  end(): void {
    this.#limit?.abort();
    this.#services.active.delete(this);
  }

  #callerLeft(): void {
    if (this.isOpen) this.#caller?.abort(this.leftReason());
  }
}
