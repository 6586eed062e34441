import type { KubeObject, RenderEnv } from "@kx/core";
import { type OwnNodeRule, ownNodePolicy } from "@kx/core/manifests";
import { capacityLabels } from "../controllers/capacity/plan-capacity.ts";
import { provisionerAnnotations, selectedNode } from "../controllers/provisioner/names.ts";
import { managedByLabel } from "../snapshot-controller/names.ts";
import type { CsiDriverDefinition } from "./csi-driver.ts";

/** Keeps the account of a distributed driver's nodes from other nodes' objects, and from those of other drivers. */
export function nodePolicy(
  { name, distributed }: CsiDriverDefinition,
  { namespace, nodeAccount }: RenderEnv,
): readonly KubeObject[] {
  const key = distributed?.nodeKey;
  if (key === undefined || nodeAccount === undefined) return [];
  const rules = nodeRules(name, key);
  return ownNodePolicy({
    name: `kx-csi-${name.toLowerCase()}-own-node`,
    namespace,
    account: nodeAccount,
    actor: "driver",
    rules,
  });
}

/** Which objects are a node's, as CEL. */
function nodeRules(driverName: string, nodeKey: string): readonly OwnNodeRule[] {
  const [driver, key] = [driverName, nodeKey].map((text) => JSON.stringify(text));
  const label = (object: string, name: string) => `${object}.metadata.?labels[?'${name}'].orValue('')`;
  const annotation = (object: string, name: string) => `${object}.metadata.?annotations[?'${name}'].orValue('')`;
  const both = (isOwn: (object: string) => string) =>
    `(request.operation == 'DELETE' || ${isOwn("object")}) && (request.operation == 'CREATE' || ${isOwn("oldObject")})`;
  const isUnchanged = "object.spec == oldObject.spec";

  const isOwnVolume = (object: string) =>
    `(has(${object}.spec.csi) && ${object}.spec.csi.driver == ${driver} && has(${object}.spec.nodeAffinity)` +
    ` && has(${object}.spec.nodeAffinity.required) && ${object}.spec.nodeAffinity.required.nodeSelectorTerms.all(term,` +
    ` has(term.matchExpressions) && term.matchExpressions.exists(one, one.key == ${key} && one.operator == 'In'` +
    ` && one.values == [variables.node])))`;
  const isOwnCapacity = (object: string) =>
    `(${label(object, capacityLabels.driver)} == ${driver}` +
    ` && ${object}.?nodeTopology.?matchLabels[?${key}].orValue('') == variables.node)`;
  const isOwnContent = (object: string) =>
    `(${object}.spec.driver == ${driver} && ${label(object, managedByLabel)} == variables.node)`;
  const provisioner = provisionerAnnotations
    .map((each) => `${annotation("oldObject", each)} == ${driver}`)
    .join(" || ");
  const [before, after] = ["oldObject", "object"].map((object) => annotation(object, selectedNode));

  return [
    {
      apiGroup: "",
      resources: ["persistentvolumes"],
      operations: ["CREATE", "UPDATE", "DELETE"],
      isOwn: both(isOwnVolume),
    },
    {
      apiGroup: "",
      resources: ["persistentvolumeclaims", "persistentvolumeclaims/status"],
      operations: ["UPDATE"],
      // A claim that no node was chosen for is the node's that takes it.
      isOwn: `${isUnchanged} && (${provisioner}) && (${before} == variables.node || (${before} == '' && ${after} == variables.node))`,
    },
    {
      apiGroup: "storage.k8s.io",
      resources: ["volumeattachments", "volumeattachments/status"],
      operations: ["UPDATE"],
      isOwn: `${isUnchanged} && object.spec.attacher == ${driver} && object.spec.nodeName == variables.node`,
    },
    {
      apiGroup: "storage.k8s.io",
      resources: ["csistoragecapacities"],
      operations: ["CREATE", "UPDATE", "DELETE"],
      isOwn: both(isOwnCapacity),
    },
    {
      apiGroup: "snapshot.storage.k8s.io",
      resources: ["volumesnapshotcontents", "volumesnapshotcontents/status"],
      operations: ["UPDATE"],
      isOwn: both(isOwnContent),
    },
    {
      apiGroup: "snapshot.storage.k8s.io",
      resources: ["volumesnapshots"],
      operations: ["UPDATE"],
      // Nothing in them says whose they are: finalizers alone are put on and taken off.
      isOwn: `${isUnchanged} && object.metadata.?labels == oldObject.metadata.?labels && object.metadata.?annotations == oldObject.metadata.?annotations`,
    },
    {
      // Those of the core group come here too, as they are the same objects.
      apiGroup: "events.k8s.io",
      resources: ["events"],
      operations: ["CREATE", "UPDATE"],
      isOwn: "!has(object.regarding.kind) || object.regarding.kind != 'Node'",
    },
  ];
}
