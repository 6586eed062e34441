import { KxError } from "@kx/core";

/** One step back. */
export type UndoStep = () => void | Promise<void>;

/** What a call has made, as the ways to take it back. */
export interface UndoStack {
  readonly push: (step: UndoStep) => void;
  /** Runs the steps, newest first, each although another failed. Gives what failed. */
  run(): Promise<readonly KxError[]>;
}

/** Makes an empty stack. */
export function createUndoStack(): UndoStack {
  const steps: UndoStep[] = [];
  return {
    push: (step) => void steps.push(step),
    async run() {
      const failures: KxError[] = [];
      for (let step = steps.pop(); step !== undefined; step = steps.pop()) {
        try {
          await step();
        } catch (error) {
          failures.push(KxError.from(error));
        }
      }
      return failures;
    },
  };
}
