import type { Progress } from "../types.ts";

/** Receives the steps of a long piece of work. */
export type OnProgress = (progress: Progress) => void;

/** Runs a step and tells of its start, and of its end with the time it took. */
export async function track<T>(
  onProgress: OnProgress | undefined,
  step: string,
  work: () => Promise<T>,
  note?: string,
): Promise<T> {
  const start = performance.now();
  const tell = (state: Progress["state"], elapsedMs: number, about?: string) =>
    onProgress?.({ step, state, elapsedMs, ...(about === undefined ? {} : { note: about }) });
  tell("started", 0, note);
  try {
    const result = await work();
    tell("done", performance.now() - start);
    return result;
  } catch (error) {
    tell("failed", performance.now() - start);
    throw error;
  }
}
