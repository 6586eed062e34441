// The scheduler's HTTP extenders, v1.

export type { JsonObject } from "../json.ts";
export {
  type ExtenderArgs,
  type ExtenderBindingArgs,
  type ExtenderBindingResult,
  type ExtenderFilterResult,
  type ExtenderPreemptionArgs,
  type ExtenderPreemptionResult,
  extenderArgs,
  extenderBindingArgs,
  extenderBindingResult,
  extenderFilterResult,
  extenderPreemptionArgs,
  extenderPreemptionResult,
  type HostPriority,
  hostPriorityList,
  type MetaVictims,
  type NodeList,
  type Victims,
} from "./extender.ts";
