import { parseCidr } from "@kx/core/units";
import { shortHash } from "../net/owner.ts";
import type { NodeFacts } from "./node-objects.ts";

/** Whose packets leave the node as if it had sent them itself: those of its pods to what is no pod. */
export interface NodeMasquerade {
  readonly families: readonly {
    readonly family: 4 | 6;
    /** The range of this node's pods. */
    readonly own: string;
    /** The ranges of all pods, in order. */
    readonly pods: readonly string[];
  }[];
  /** Stands for the whole, to see whether the kernel has it. */
  readonly mark: string;
}

/** Pods see each other's own addresses on every node; others see the node's. Pure. */
export function planMasquerade(own: NodeFacts, nodes: readonly NodeFacts[]): NodeMasquerade {
  const all = new Set([own, ...nodes].flatMap(({ podCidrs }) => podCidrs));
  const families = own.podCidrs.map((cidr) => {
    const { family } = parseCidr(cidr).base;
    const pods = [...all].filter((one) => parseCidr(one).base.family === family).toSorted();
    return { family, own: cidr, pods };
  });
  return { families, mark: `kx ${shortHash(JSON.stringify(families), 16)}` };
}
