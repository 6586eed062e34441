import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { KxError } from "../error.ts";
import { isRecord } from "../is-record.ts";
import { processEntry } from "../process-entry.ts";
import { unpackFailure } from "./worker-calls.ts";

/** A process that makes one call at a time. */
export interface CallProcess {
  readonly pid: number | undefined;
  /** Whether a call has not returned. */
  readonly isBusy: boolean;
  readonly ended: Promise<void>;
  /** Rejects with what the call throws, or `KX_LINUX_WORKER` if the process ends meanwhile. */
  call(name: string, args: readonly unknown[]): Promise<unknown>;
  /** Ends it after so many milliseconds, having told, unless it is called before. */
  endAfter(ms: number, tell: () => void): void;
  kill(): void;
  /** Kills it and waits until it has ended. */
  close(): Promise<void>;
}

/** Starts a process of `bounded-child`; while it is idle it keeps this one not alive. */
export function startCallProcess(): CallProcess {
  const entry = fileURLToPath(processEntry("linux/bounded-child", import.meta.url));
  const child = spawn(process.execPath, [entry], {
    stdio: ["ignore", "ignore", "ignore", "ipc"],
    serialization: "advanced",
  });
  let current: PromiseWithResolvers<unknown> | undefined;
  let timer: NodeJS.Timeout | undefined;
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const rest = () => {
    child.unref();
    child.channel?.unref();
  };
  const finish = (why: string) => {
    clearTimeout(timer);
    const waiter = current;
    current = undefined;
    end();
    waiter?.reject(new KxError("KX_LINUX_WORKER", `the process for calls that may hang has ended: ${why}`));
  };
  child.on("error", (error) => finish(error.message));
  child.on("exit", (code, signal) => finish(signal ?? `exit code ${code}`));
  child.on("message", (answer: unknown) => {
    const waiter = current;
    current = undefined;
    rest();
    if (isRecord(answer) && "value" in answer) waiter?.resolve(answer["value"]);
    else if (isRecord(answer)) waiter?.reject(unpackFailure(answer["failure"] as Parameters<typeof unpackFailure>[0]));
  });
  rest();
  return {
    pid: child.pid,
    get isBusy() {
      return current !== undefined;
    },
    ended,
    call(name, args) {
      clearTimeout(timer);
      const waiter = Promise.withResolvers<unknown>();
      current = waiter;
      child.ref();
      child.channel?.ref();
      child.send({ name, args }, () => undefined);
      return waiter.promise;
    },
    endAfter(ms, tell) {
      timer = setTimeout(() => {
        tell();
        child.kill("SIGKILL");
      }, ms);
      timer.unref();
    },
    kill: () => void child.kill("SIGKILL"),
    close() {
      // Else nothing might be left that keeps this process alive until then.
      child.ref();
      child.kill("SIGKILL");
      return ended;
    },
  };
}
