import type { IpFamily, Progress } from "@kx/cluster";
import type { KxErrorCode } from "@kx/core";
import type { ConfiguredExtensions } from "./configured.ts";

/** What connects pods: kx's own network, that of the Go plug-ins, or nothing. */
export type NetworkName = "kx" | "upstream" | "none";

/** What a supervisor is asked to start; its second argument, as JSON. */
export interface UpRequest {
  readonly dir: string;
  readonly nodes: number;
  readonly controlPlaneOnly: boolean;
  readonly kubernetesVersion?: string;
  readonly hostNetworkRoute: boolean;
  readonly dns: boolean;
  readonly network: NetworkName;
  readonly ipFamilies: readonly IpFamily[];
  /** Absent: the controller manager's built-in ones. */
  readonly extensions?: ConfiguredExtensions;
}

/** What a supervisor tells the command that started it. */
export type SupervisorMessage =
  | { readonly type: "progress"; readonly progress: Progress }
  | { readonly type: "up" }
  | {
      readonly type: "error";
      readonly code: KxErrorCode;
      readonly reason: string;
      readonly remedy?: string;
      readonly stack?: string;
    };
