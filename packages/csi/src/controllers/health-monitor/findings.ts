import type { VolumeHealth } from "@kx/core/contracts/csi";

/** What an event says of a volume; undefined for one that is well. */
export function findingOf(health: Pick<VolumeHealth, "healthStatuses"> | undefined): string | undefined {
  const told = (health?.healthStatuses ?? []).map(({ reason, message }) =>
    reason === "" ? message : `${reason}: ${message}`,
  );
  return told.length === 0 ? undefined : told.join("; ");
}

/** What changes for a volume of which this was told before. */
export type News = "abnormal" | "recovered" | "none";

/** Bad news is told again each time, as the API server forgets events; good news once. */
export function newsOf(finding: string | undefined, before: string | undefined): News {
  if (finding !== undefined) return "abnormal";
  return before === undefined ? "none" : "recovered";
}
