import type { Progress } from "@kx/cluster";
import { paint, type Terminal } from "./terminal.ts";

/** Shows steps on standard error as they go. */
export interface ProgressView {
  readonly report: (progress: Progress) => void;
  /** Removes the live line. */
  readonly close: () => void;
}

const frames = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/**
 * One line a finished step; on a terminal also a live line for the one that runs. Elsewhere a step that has a note, such
 * as a build of minutes, is told when it starts too, so that a log does not fall silent.
 */
export function showProgress({ stderr, env }: Terminal): ProgressView {
  const running = new Map<string, { readonly since: number; readonly note: string | undefined }>();
  const live = stderr.isTTY === true && env["TERM"] !== "dumb";
  let frame = 0;
  let timer: NodeJS.Timeout | undefined;

  const erase = (): void => {
    if (live) stderr.write("\r\u001B[K");
  };
  const draw = (): void => {
    const [step, of] = [...running].at(-1) ?? [];
    erase();
    if (step === undefined || of === undefined) return;
    const sign = paint("cyan", frames[frame++ % frames.length] ?? "", stderr, env);
    const note = of.note === undefined ? "" : `  ${of.note}`;
    const text = `${step}  ${seconds(performance.now() - of.since)}${note}`;
    stderr.write(`${sign} ${text.slice(0, (stderr.columns || 80) - 3)}`);
  };
  return {
    report({ step, state, elapsedMs, note }) {
      erase();
      if (state === "started") {
        running.set(step, { since: performance.now(), note });
        if (!live && note !== undefined) stderr.write(`… ${step} (${note})\n`);
      } else {
        running.delete(step);
        const sign = state === "done" ? paint("green", "✓", stderr, env) : paint("red", "✗", stderr, env);
        stderr.write(`${sign} ${step}  ${seconds(elapsedMs)}\n`);
      }
      if (!live) return;
      draw();
      timer ??= setInterval(draw, 100);
      timer.unref();
    },
    close() {
      clearInterval(timer);
      running.clear();
      erase();
    },
  };
}

/** Runs a step and tells of it. */
export async function track<T>(report: ProgressView["report"], step: string, work: () => Promise<T>): Promise<T> {
  const started = performance.now();
  report({ step, state: "started", elapsedMs: 0 });
  try {
    const value = await work();
    report({ step, state: "done", elapsedMs: performance.now() - started });
    return value;
  } catch (error) {
    report({ step, state: "failed", elapsedMs: performance.now() - started });
    throw error;
  }
}

/** `0.4s`, `75.0s`, `4m05s`. */
export function seconds(ms: number): string {
  if (ms < 100_000) return `${(ms / 1000).toFixed(1)}s`;
  const whole = Math.round(ms / 1000);
  return `${Math.floor(whole / 60)}m${String(whole % 60).padStart(2, "0")}s`;
}
