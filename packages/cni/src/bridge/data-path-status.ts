import { sharedRtnl } from "../rtnl/shared-rtnl.ts";

/** Why containers could not be attached to a bridge of that name; undefined if they could. */
export function bridgeProblem(name: string): string | undefined {
  const host = sharedRtnl();
  const found = host.findLink(name);
  if (found === undefined || found.kind === "bridge") return undefined;
  return `the link ${name} is no bridge but ${found.kind || "a device"}`;
}
