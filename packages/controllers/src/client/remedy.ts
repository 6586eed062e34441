import type { KxErrorCode } from "@kx/core";
import type { Status } from "../api/gen/meta-v1.ts";
import type { ClientConfig } from "../config.ts";

/** What a call asks of which resource, in the words of RBAC. */
export interface CallFacts {
  readonly verb?: string;
  readonly group?: string;
  /** The plural, with a subresource behind a slash. */
  readonly resource?: string;
  readonly namespace?: string | undefined;
}

/** A field that the API server does not accept. */
export interface InvalidField {
  /** Path, as `spec.replicas`. */
  readonly field: string;
  /** `FieldValueInvalid`, `FieldValueRequired` and so on. */
  readonly reason: string;
  readonly message: string;
}

/** The causes of an Invalid status. */
export function invalidFields(status: Status | undefined): readonly InvalidField[] {
  return (status?.details?.causes ?? []).map(({ field = "", reason = "", message = "" }) => ({
    field,
    reason,
    message,
  }));
}

/** What the reader of an error can do about it; undefined where the error says it all. */
export function remedyOf(
  code: KxErrorCode,
  status: Status | undefined,
  facts: CallFacts & { readonly config?: ClientConfig },
): string | undefined {
  if (code === "KX_API_FORBIDDEN") return isRbac(status) ? missingRule(facts) : undefined;
  if (code === "KX_API_UNAUTHORIZED") return renewal(facts.config);
  return undefined;
}

/** An admission plug-in that refuses does not speak of the user; RBAC always does. */
function isRbac(status: Status | undefined): boolean {
  return status?.message?.includes('" cannot ') ?? false;
}

function missingRule({ verb, group, resource, namespace }: CallFacts): string | undefined {
  if (verb === undefined || group === undefined || resource === undefined) return undefined;
  const kind = namespace === undefined ? "ClusterRole" : `Role in ${namespace}, or to a ClusterRole`;
  return [
    `to let this user ${verb} ${resource}, add this rule to its ${kind}:`,
    `- apiGroups: [${JSON.stringify(group)}]`,
    `  resources: [${JSON.stringify(resource)}]`,
    `  verbs: [${JSON.stringify(verb)}]`,
  ].join("\n");
}

function renewal(config: ClientConfig | undefined): string {
  const where = config?.origin === undefined ? "the credentials" : `the credentials in ${config.origin}`;
  return `renew ${where}: the server does not accept them`;
}
