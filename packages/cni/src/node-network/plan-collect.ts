/** An attachment that the container runtime remembers. */
export interface RememberedAttachment {
  readonly networkName: string;
  readonly containerId: string;
  readonly ifName: string;
  /** The network's list as it was at the ADD. */
  readonly config: string;
  /** Whether its network namespace is there. */
  readonly hasNamespace: boolean;
}

/** A look at what is attached. */
export interface Look {
  readonly attachments: readonly RememberedAttachment[];
  /** The pods' sandboxes that the container runtime knows, and whether each is at work. */
  readonly sandboxes: ReadonlyMap<string, { readonly isReady: boolean }>;
}

/** What comes of a look. */
export interface CollectPlan {
  /** Out of use at this look and the one before it. */
  readonly stale: readonly RememberedAttachment[];
  /** Out of use at this look, by the names that `nameOf` gives: for the next look. */
  readonly suspects: ReadonlySet<string>;
  /** Whether this program sees namespaces at all: those of sandboxes at work must be there. */
  readonly isSighted: boolean;
}

/**
 * Finds attachments that nobody will take away: the runtime does not know their sandbox, and their namespace is gone. A
 * sandbox that is just being made is in no list yet, so one look is not enough. Pure.
 */
export function planCollect({ attachments, sandboxes }: Look, before: ReadonlySet<string>): CollectPlan {
  const out = attachments.filter(({ containerId, hasNamespace }) => !sandboxes.has(containerId) && !hasNamespace);
  const atWork = attachments.filter(({ containerId }) => sandboxes.get(containerId)?.isReady === true);
  return {
    stale: out.filter((one) => before.has(nameOf(one))),
    suspects: new Set(out.map(nameOf)),
    isSighted: atWork.length === 0 || atWork.some(({ hasNamespace }) => hasNamespace),
  };
}

function nameOf({ networkName, containerId, ifName }: RememberedAttachment): string {
  return `${networkName} ${containerId} ${ifName}`;
}
