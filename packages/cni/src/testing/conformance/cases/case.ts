import type { Scope } from "../scope.ts";

/** One thing that the specification asks for. */
export interface ConformanceCase {
  /** Requirement and name: `P4.no-name`. */
  readonly id: string;
  readonly title: string;
  /** Throws if the plug-in does not do it. */
  readonly run: (scope: Scope) => Promise<void>;
}
