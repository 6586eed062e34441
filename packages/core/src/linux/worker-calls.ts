import { once } from "node:events";
import { parentPort, Worker } from "node:worker_threads";
import { KxError, type KxErrorCode } from "../error.ts";

/** Functions that a worker serves: what they take and give is copied. */
export type WorkerHandlers = Readonly<Record<string, (...args: never[]) => unknown>>;

/** A worker at work, as its caller sees it. */
export interface WorkerCalls<H extends WorkerHandlers> extends AsyncDisposable {
  /** Rejects with what the handler throws; with `KX_LINUX_WORKER` if the worker has ended. */
  call<K extends keyof H & string>(name: K, ...args: Parameters<H[K]>): Promise<Awaited<ReturnType<H[K]>>>;
}

interface CallMessage {
  readonly id: number;
  readonly name: string;
  readonly args: readonly never[];
}

interface FailureShape {
  readonly code: KxErrorCode;
  readonly reason: string;
  readonly remedy: string | undefined;
  readonly retryable: boolean;
  readonly details: Readonly<Record<string, unknown>>;
}

type AnswerMessage = { readonly id: number } & ({ readonly value: unknown } | { readonly failure: FailureShape });

/** Starts a worker whose file calls `serveWorkerCalls`; it keeps no process alive. */
export function startWorkerCalls<H extends WorkerHandlers>(entry: URL): WorkerCalls<H> {
  // Node would warn of each file descriptor that it has not opened itself.
  const worker = new Worker(entry, { trackUnmanagedFds: false });
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  let ended: KxError | undefined;
  let isEnding = false;
  let lastId = 0;
  const end = (cause: unknown) => {
    ended ??= new KxError("KX_LINUX_WORKER", `the worker ${entry.pathname} has ended`, { cause });
    for (const { reject } of waiting.values()) reject(ended);
    waiting.clear();
  };
  worker.unref();
  worker.on("error", end);
  worker.on("exit", () => end(undefined));
  worker.on("message", (answer: AnswerMessage) => {
    const waiter = waiting.get(answer.id);
    waiting.delete(answer.id);
    // Not while its end is waited for: that would not keep the process alive.
    if (waiting.size === 0 && !isEnding) worker.unref();
    if ("value" in answer) waiter?.resolve(answer.value);
    else waiter?.reject(unpackFailure(answer.failure));
  });
  const call = (name: string, ...args: readonly unknown[]): Promise<unknown> => {
    if (ended !== undefined) return Promise.reject(ended);
    const waiter = Promise.withResolvers<unknown>();
    waiting.set(++lastId, waiter);
    worker.ref();
    worker.postMessage({ id: lastId, name, args }, []);
    return waiter.promise;
  };
  return {
    call: call as WorkerCalls<H>["call"],
    async [Symbol.asyncDispose]() {
      if (ended !== undefined) return;
      isEnding = true;
      worker.ref();
      const exited = once(worker, "exit");
      await worker.terminate();
      await exited;
    },
  };
}

/** Serves calls in a worker, one after another for as long as handlers are synchronous. */
export function serveWorkerCalls(handlers: WorkerHandlers): void {
  parentPort?.on("message", ({ id, name, args }: CallMessage) => void reply(id, () => handlers[name]?.(...args)));
}

async function reply(id: number, run: () => unknown): Promise<void> {
  let message: AnswerMessage;
  try {
    const result = run();
    // Without a turn of the loop for what is done already, so that answers keep the order of calls.
    message = { id, value: result instanceof Promise ? await result : result };
  } catch (error) {
    message = { id, failure: packFailure(error) };
  }
  parentPort?.postMessage(message, []);
}

/** An error as plain data, to cross to another thread or process. */
export function packFailure(error: unknown): FailureShape {
  const { code, reason, remedy, retryable, details } = KxError.from(error);
  return { code, reason, remedy, retryable, details };
}

/** The error that `packFailure` was given, without cause. */
export function unpackFailure({ code, reason, remedy, retryable, details }: FailureShape): KxError {
  return new KxError(code, reason, { retryable, details, ...(remedy === undefined ? {} : { remedy }) });
}
