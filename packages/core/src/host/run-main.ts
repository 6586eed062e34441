import { KxError } from "../error.ts";
import { redact, redactText } from "../redact.ts";
import type { Running } from "./run-host.ts";

/** What a program's main function is given of its process. */
export interface MainContext {
  /** The command line without the program. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborts at the first SIGTERM or SIGINT. */
  readonly signal: AbortSignal;
  /** Writes to standard output. */
  readonly print: (text: string) => undefined;
}

/** The process, as `runMain` uses it. */
export interface MainIo {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  stdout(text: string): void;
  stderr(text: string): void;
  /** Calls back at each SIGTERM or SIGINT; returns what ends that. */
  onSignal(listener: (name: string) => void): () => void;
  exit(code: number): void;
}

/**
 * Runs a program's main function to its end: the first SIGTERM or SIGINT asks it to stop, the second exits at once. Exit
 * codes: 0 stopped as asked; 1 failed, stopped by a second signal, or a runnable did not stop in time; 2 wrongly configured.
 */
export async function runMain(
  main: (context: MainContext) => Promise<Running | undefined>,
  io: MainIo = processIo(),
): Promise<void> {
  const stopping = new AbortController();
  const unlisten = io.onSignal((name) => {
    if (stopping.signal.aborted) return io.exit(1);
    stopping.abort(new DOMException(`stopped by ${name}`, "AbortError"));
  });
  // Promises and signal handlers keep no process alive.
  const alive = setInterval(() => undefined, 2 ** 30);
  const print = (text: string): undefined => {
    io.stdout(text);
  };
  let code = 0;
  try {
    const running = await main({
      args: io.args,
      env: io.env,
      signal: stopping.signal,
      print,
    });
    const stopped = await running?.done;
    if (stopped !== undefined && stopped.unstopped.length > 0) code = 1;
  } catch (error) {
    io.stderr(formatFailure(error));
    code = exitCodeOf(error);
  } finally {
    clearInterval(alive);
    unlisten();
  }
  io.exit(code);
}

/** 2 for what its reader can correct in flags, environment or files; 1 for all else. */
function exitCodeOf(error: unknown): number {
  return KxError.is(error) && /^KX_(CONFIG|HOST_EXTENSION)_/.test(error.code) ? 2 : 1;
}

function formatFailure(error: unknown): string {
  const lines = [`error: ${messageOf(error)}`];
  for (let cause = causeOf(error); cause !== undefined && lines.length < 6; cause = causeOf(cause)) {
    // Node lists where it looked on further lines.
    lines.push(`  caused by: ${messageOf(cause).split("\n")[0]}`);
  }
  // A foreseen error tells its own story; any other needs the place.
  if (!KxError.is(error) && error instanceof Error && error.stack !== undefined) lines.push(error.stack);
  return `${redactText(lines.join("\n"))}\n`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : JSON.stringify(redact(error));
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}

function processIo(): MainIo {
  return {
    args: process.argv.slice(2),
    env: process.env,
    stdout: (text) => process.stdout.write(text),
    stderr: (text) => process.stderr.write(text),
    onSignal: (listener) => {
      process.on("SIGTERM", listener).on("SIGINT", listener);
      return () => process.off("SIGTERM", listener).off("SIGINT", listener);
    },
    exit: (code) => process.exit(code),
  };
}
