import type { AttachmentRequest } from "./cni-plugin.ts";

/** What was asked for, and where. */
export interface RequestedValue {
  /** As it stood there: only `runtimeConfig` has been validated. */
  readonly value: unknown;
  readonly from: "runtimeConfig" | "args.cni" | "CNI_ARGS";
}

/**
 * A value that the runtime or a user asks for, from the place that counts most: `runtimeConfig`, then `args.cni` of the
 * configuration, then CNI_ARGS, which is deprecated and ignored where the same was asked for otherwise (CONVENTIONS.md).
 *
 * @param key - in `runtimeConfig` and `args.cni`, such as `mac`.
 * @param argsKey - in CNI_ARGS. Default: the key in capitals.
 */
export function requestedValue(
  request: Pick<AttachmentRequest<unknown>, "args" | "config">,
  key: string,
  argsKey: string = key.toUpperCase(),
): RequestedValue | undefined {
  const { runtimeConfig, args } = request.config;
  const places = [
    { from: "runtimeConfig", fields: runtimeConfig, name: key },
    { from: "args.cni", fields: args?.["cni"], name: key },
    { from: "CNI_ARGS", fields: request.args, name: argsKey },
  ] as const;
  for (const { from, fields, name } of places) {
    if (typeof fields !== "object" || fields === null || !Object.hasOwn(fields, name)) continue;
    const value: unknown = Reflect.get(fields, name);
    // Go writes an empty text where nothing was set.
    if (value !== undefined && value !== null && value !== "") return { value, from };
  }
  return undefined;
}
