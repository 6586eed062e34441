import type { Cached, DeepReadonly, ObjectLike } from "@kx/controllers";
import type { PersistentVolume } from "@kx/controllers/api/core-v1";
import { holds } from "./label-selector.ts";

/** The first node that a volume can be reached from; undefined if it is not bound to nodes, or to none of these. */
export function nodeOf(
  { spec }: DeepReadonly<PersistentVolume>,
  nodes: readonly Cached<ObjectLike>[],
): string | undefined {
  const terms = spec?.nodeAffinity?.required?.nodeSelectorTerms;
  if (terms === undefined) return undefined;
  return nodes.find(({ metadata }) =>
    terms.some(({ matchExpressions = [], matchFields = [] }) => {
      // A term without requirements matches no node.
      if (matchExpressions.length + matchFields.length === 0) return false;
      const isField = ({ key }: { readonly key: string }) => key === "metadata.name";
      return (
        matchExpressions.every((one) => holds(one, metadata.labels?.[one.key])) &&
        matchFields.every((one) => isField(one) && holds(one, metadata.name))
      );
    }),
  )?.metadata.name;
}
