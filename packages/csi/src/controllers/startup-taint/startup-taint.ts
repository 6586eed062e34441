import {
  type CacheSelection,
  type DeepReadonly,
  defineController,
  done,
  type ObjectLike,
  watch,
} from "@kx/controllers";
import { Node } from "@kx/controllers/api/core-v1";
import { CSINode } from "@kx/controllers/api/storage-v1";
import type { Extension } from "@kx/core";
import { whole } from "../kubernetes.ts";

type Taint = NonNullable<NonNullable<Node["spec"]>["taints"]>[number];

/**
 * The taint with which an operator keeps pods off a new node until the driver serves there: it is taken away once the kubelet has
 * registered the driver.
 */
export function startupTaint(driverName: string): string {
  return `${driverName}/agent-not-ready`;
}

/** The taints that a node keeps; undefined if nothing is to change. Pure. */
export function planTaints(
  driverName: string,
  node: DeepReadonly<Node> | undefined,
  csiNode: DeepReadonly<CSINode> | undefined,
): readonly DeepReadonly<Taint>[] | undefined {
  const taints = node?.spec?.taints ?? [];
  const isRegistered = csiNode?.spec.drivers?.some(({ name }) => name === driverName) ?? false;
  const kept = taints.filter(({ key }) => key !== startupTaint(driverName));
  return isRegistered && kept.length < taints.length ? kept : undefined;
}

const taintsOnly: CacheSelection = { transform: trimToTaints };

function trimToTaints(object: ObjectLike): void {
  const node = object as Node;
  const { name, uid, resourceVersion } = node.metadata;
  node.metadata = { ...(name && { name }), ...(uid && { uid }), ...(resourceVersion && { resourceVersion }) };
  const { taints } = node.spec ?? {};
  node.spec = taints === undefined ? {} : { taints };
  delete node.status;
}

/** Takes the start-up taint off nodes that have the driver; for a process beside the control plane. */
export function startupTaintController(driverName: string): Extension {
  const name = `${driverName.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-")}-startup-taint`;
  return defineController({
    name,
    component: `${driverName.toLowerCase()}/startup-taint`,
    for: CSINode,
    select: whole,
    watches: [watch(Node, { map: ({ metadata }) => [{ name: metadata.name ?? "" }], select: taintsOnly })],
    async reconcile({ ref, object }, { client, cache, log, signal }) {
      const node = cache.get(Node, ref);
      const taints = planTaints(driverName, node, object);
      if (node === undefined || taints === undefined) return done;
      const { resourceVersion } = node.metadata;
      const patch = { metadata: { resourceVersion }, spec: { taints } };
      await client.patch(Node, ref, patch, { type: "merge", signal });
      log.info({ node: ref.name, driver: driverName }, "start-up taint removed");
      return done;
    },
  });
}
