import type { Capability } from "../read-capabilities.ts";
import type { Scope } from "./scope.ts";

/** One thing that the specification asks for. */
export interface ConformanceCase {
  /** Requirement and name: `D4.again`. */
  readonly id: string;
  readonly title: string;
  /** What the driver must say that it can do; else the case does not apply. */
  readonly needs: readonly Capability[];
  /** Whether a volume is brought to this machine. Default: false. */
  readonly isMounting?: boolean;
  /** Whether the driver has to be killed and started again for it. Default: false. */
  readonly needsFaults?: boolean;
  /** Throws if the driver does not do it. */
  readonly run: (scope: Scope) => Promise<void>;
}
