import type { DeepReadonly } from "@kx/controllers";
import type { LabelSelector } from "./resources.ts";

/** Whether a selector means an object with these labels. An empty selector means every object. */
export function selects(
  { matchLabels = {}, matchExpressions = [] }: DeepReadonly<LabelSelector>,
  labels: Readonly<Record<string, string>> = {},
): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every((expression) => holds(expression, labels[expression.key]))
  );
}

/** A requirement on a label or a field. */
interface Requirement {
  readonly operator: string;
  readonly values?: readonly string[];
}

/** Whether a value, undefined if there is none, meets a requirement. `Gt` and `Lt` are for nodes alone. */
export function holds({ operator, values = [] }: Requirement, value: string | undefined): boolean {
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    case "Gt":
      return value !== undefined && Number(value) > Number(values[0]);
    case "Lt":
      return value !== undefined && Number(value) < Number(values[0]);
    default:
      // An operator that is not known must not select more than is meant.
      return false;
  }
}
