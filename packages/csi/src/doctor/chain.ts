import type { Cached } from "@kx/controllers";
import type { PersistentVolume, PersistentVolumeClaim } from "@kx/controllers/api/core-v1";
import type { VolumeAttachment } from "@kx/controllers/api/storage-v1";
import type { VolumeSnapshot, VolumeSnapshotContent } from "../snapshot-controller/resources.ts";
import { sourceOf } from "./rules/claim-source.ts";
import { isSameRef, refTo, type StorageKind, type StorageRef } from "./storage-ref.ts";
import type { StoragePod, StorageWorld } from "./storage-world.ts";

/** An object that another one needs, and those that it needs itself. */
export interface ChainLink {
  readonly ref: StorageRef;
  /** How it is, in a few words. */
  readonly state: string;
  readonly needs: readonly ChainLink[];
}

/**
 * The objects between a pod and its nodes of which one is asked about: from the pods that use it down to what they need.
 * Nothing if that object does not exist.
 */
export function chainsOf(ref: StorageRef, world: StorageWorld): readonly ChainLink[] {
  const roots = rootsOf(ref, world);
  return roots.map((root) => linkOf(root, world)).filter((link) => link.state !== missing || !isSameRef(link.ref, ref));
}

/** All objects of a chain. */
export function refsOf(links: readonly ChainLink[]): readonly StorageRef[] {
  return links.flatMap(({ ref, needs }) => [ref, ...refsOf(needs)]);
}

const missing = "does not exist";

type ByKind<Result> = { readonly [Kind in StorageKind]?: (ref: StorageRef, world: StorageWorld) => Result };

/** Where chains begin: at pods if there are some. */
function rootsOf(ref: StorageRef, world: StorageWorld): readonly StorageRef[] {
  return usersOf[ref.kind]?.(ref, world) ?? [ref];
}

const usersOf: ByKind<readonly StorageRef[] | undefined> = {
  PersistentVolumeClaim({ namespace, name }, world) {
    const claim = world.claim(namespace, name);
    const pods = claim === undefined ? [] : world.podsOf(claim);
    return pods.length === 0 ? undefined : pods.map((pod) => refTo("Pod", pod));
  },
  PersistentVolume({ name }, world) {
    const { claimRef } = world.volume(name)?.spec ?? {};
    const claim = world.claim(claimRef?.namespace, claimRef?.name ?? "");
    if (claim === undefined || claim.spec?.volumeName !== name) return undefined;
    return rootsOf(refTo("PersistentVolumeClaim", claim), world);
  },
  VolumeAttachment({ name }, world) {
    const one = world.objects.attachments.find(({ metadata }) => metadata.name === name);
    const volume = world.volume(one?.spec.source.persistentVolumeName);
    return volume === undefined ? undefined : rootsOf(refTo("PersistentVolume", volume), world);
  },
  VolumeSnapshotContent({ name }, world) {
    const snapshot = world.snapshotOf(name);
    return snapshot === undefined ? undefined : [refTo("VolumeSnapshot", snapshot)];
  },
};

function linkOf(ref: StorageRef, world: StorageWorld): ChainLink {
  return links[ref.kind]?.(ref, world) ?? absent(ref);
}

/** Undefined for an object that does not exist. */
const links: ByKind<ChainLink | undefined> = {
  Pod({ namespace, name }, world) {
    const pod = world.objects.pods.find(({ metadata }) => metadata.name === name && metadata.namespace === namespace);
    return pod && podLink(pod, world);
  },
  PersistentVolumeClaim({ namespace, name }, world) {
    const claim = world.claim(namespace, name);
    return claim && claimLink(claim, undefined, world);
  },
  PersistentVolume({ name }, world) {
    const volume = world.volume(name);
    return volume && volumeLink(volume, undefined, world);
  },
  VolumeAttachment({ name }, world) {
    const one = world.objects.attachments.find(({ metadata }) => metadata.name === name);
    return one && attachmentLink(one, world);
  },
  VolumeSnapshot({ namespace, name }, world) {
    const snapshot = world.snapshot(namespace, name);
    return snapshot && snapshotLink(snapshot, world);
  },
  VolumeSnapshotContent({ name }, world) {
    const content = world.content(name);
    return content && contentLink(content);
  },
  VolumeGroupSnapshot(ref, world) {
    const group = world.objects.groupSnapshots.find(
      ({ metadata }) => metadata.name === ref.name && metadata.namespace === ref.namespace,
    );
    return group && { ref, state: readiness(group), needs: [] };
  },
};

function absent(ref: StorageRef): ChainLink {
  return { ref, state: missing, needs: [] };
}

function words(...parts: readonly (string | undefined | false)[]): string {
  return parts.filter((part) => part !== undefined && part !== false && part !== "").join(", ");
}

const leaving = ({ metadata }: { readonly metadata: { readonly deletionTimestamp?: string } }) =>
  metadata.deletionTimestamp !== undefined && "being deleted";

function podLink(pod: StoragePod, world: StorageWorld): ChainLink {
  const nodeName = pod.spec?.nodeName;
  const { namespace } = pod.metadata;
  const inline = (pod.spec?.volumes ?? []).flatMap(({ csi }) => (csi === undefined ? [] : [csi.driver]));
  const claims = world.claimNamesOf(pod).map((name) => {
    const claim = world.claim(namespace, name);
    if (claim !== undefined) return claimLink(claim, nodeName, world);
    return absent({ kind: "PersistentVolumeClaim", ...(namespace === undefined ? {} : { namespace }), name });
  });
  return {
    ref: refTo("Pod", pod),
    state: words(pod.status?.phase, nodeName === undefined ? "no node yet" : `on ${nodeName}`, leaving(pod)),
    needs: [...claims, ...inline.map((driver) => driverLink(driver, nodeName, world))],
  };
}

function claimLink(claim: Cached<PersistentVolumeClaim>, nodeName: string | undefined, world: StorageWorld): ChainLink {
  const { spec = {}, status, metadata } = claim;
  const volume = world.volume(spec.volumeName);
  const source = status?.phase === "Bound" ? undefined : sourceOf(claim);
  const { namespace } = metadata;
  const attributes = spec.volumeAttributesClassName ?? "";
  const needs: ChainLink[] = [];
  // What a bound claim was made by does not matter any more.
  if (status?.phase !== "Bound" && (spec.storageClassName ?? "") !== "") {
    const storageClass = world.storageClass(spec.storageClassName ?? "");
    const ref = { kind: "StorageClass" as const, name: spec.storageClassName ?? "" };
    const { provisioner = "", volumeBindingMode = "Immediate" } = storageClass ?? {};
    const drivers = storageClass === undefined ? [] : [driverLink(provisioner, nodeName, world)];
    needs.push(
      storageClass === undefined
        ? absent(ref)
        : { ref, state: words(provisioner, volumeBindingMode), needs: volume === undefined ? drivers : [] },
    );
  }
  if (attributes !== "") {
    const isThere = world.objects.attributesClasses.some((one) => one.metadata.name === attributes);
    const current = status?.currentVolumeAttributesClassName === attributes ? "set" : "to be set";
    needs.push({
      ref: { kind: "VolumeAttributesClass", name: attributes },
      state: isThere ? current : missing,
      needs: [],
    });
  }
  if (source !== undefined) {
    needs.push(linkOf({ ...source, ...(namespace === undefined ? {} : { namespace }) }, world));
  }
  if (volume !== undefined) needs.push(volumeLink(volume, nodeName, world));
  else if ((spec.volumeName ?? "") !== "") {
    needs.push(absent({ kind: "PersistentVolume", name: spec.volumeName ?? "" }));
  }
  const size = status?.capacity?.["storage"] ?? spec.resources?.requests?.["storage"];
  return { ref: refTo("PersistentVolumeClaim", claim), state: words(status?.phase, size, leaving(claim)), needs };
}

function volumeLink(volume: Cached<PersistentVolume>, nodeName: string | undefined, world: StorageWorld): ChainLink {
  const driver = volume.spec?.csi?.driver;
  const attachments = world.attachmentsOf(volume.metadata.name);
  return {
    ref: refTo("PersistentVolume", volume),
    state: words(volume.status?.phase, driver, leaving(volume)),
    needs: [
      ...attachments.map((one) => attachmentLink(one, world)),
      ...(driver === undefined ? [] : [driverLink(driver, nodeName, world)]),
    ],
  };
}

function attachmentLink(one: Cached<VolumeAttachment>, world: StorageWorld): ChainLink {
  const { status, spec } = one;
  const error = status?.attachError ?? status?.detachError;
  return {
    ref: refTo("VolumeAttachment", one),
    state: words(
      status?.attached === true ? "attached" : "not attached",
      error !== undefined && "failing",
      leaving(one),
    ),
    needs: [nodeLink(spec.nodeName, world)],
  };
}

function nodeLink(name: string, world: StorageWorld): ChainLink {
  const ref = { kind: "Node" as const, name };
  const node = world.node(name);
  if (node === undefined) return absent(ref);
  const ready = node.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;
  const taints = (node.spec?.taints ?? []).map(({ key }) => key);
  return { ref, state: words(ready ? "ready" : "not ready", ...taints.map((key) => `taint ${key}`)), needs: [] };
}

/** A driver: on the node of a pod if it has one, else in the cluster. */
function driverLink(driver: string, nodeName: string | undefined, world: StorageWorld): ChainLink {
  if (nodeName !== undefined) {
    const isThere = world.hasDriver(nodeName, driver);
    const state = words(isThere ? `has ${driver}` : `has not ${driver}`);
    return {
      ref: { kind: "CSINode", name: nodeName },
      state: world.csiNode(nodeName) === undefined ? missing : state,
      needs: [],
    };
  }
  const object = world.objects.drivers.find(({ metadata }) => metadata.name === driver);
  const nodes = world.objects.csiNodes.filter(({ metadata }) => world.hasDriver(metadata.name, driver)).length;
  return {
    ref: { kind: "CSIDriver", name: driver },
    state: object === undefined ? missing : `on ${nodes} ${nodes === 1 ? "node" : "nodes"}`,
    needs: [],
  };
}

function readiness({
  status,
  metadata,
}: Pick<Cached<VolumeSnapshot>, "metadata"> & {
  readonly status?: { readonly readyToUse?: boolean; readonly error?: object };
}): string {
  const ready = status?.readyToUse === true ? "ready" : "not ready";
  return words(ready, status?.error !== undefined && "failing", leaving({ metadata }));
}

function snapshotLink(snapshot: Cached<VolumeSnapshot>, world: StorageWorld): ChainLink {
  const { status, spec, metadata } = snapshot;
  const bound = status?.boundVolumeSnapshotContentName ?? spec.source.volumeSnapshotContentName;
  const source = spec.source.persistentVolumeClaimName;
  const claim = source === undefined ? undefined : world.claim(metadata.namespace, source);
  const content = world.content(bound);
  const isReady = status?.readyToUse === true;
  const named = (kind: StorageKind, name: string): StorageRef => ({ kind, name });
  const className = spec.volumeSnapshotClassName;
  const hasClass = world.objects.snapshotClasses.some((one) => one.metadata.name === className);
  return {
    ref: refTo("VolumeSnapshot", snapshot),
    state: readiness(snapshot),
    needs: [
      ...(className === undefined || isReady
        ? []
        : [{ ref: named("VolumeSnapshotClass", className), state: hasClass ? "" : missing, needs: [] }]),
      ...(source === undefined || isReady
        ? []
        : [
            {
              ref: {
                ...named("PersistentVolumeClaim", source),
                ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
              },
              state: claim === undefined ? missing : words(claim.status?.phase, leaving(claim)),
              needs: [],
            },
          ]),
      ...(content !== undefined
        ? [contentLink(content)]
        : bound === undefined
          ? []
          : [absent(named("VolumeSnapshotContent", bound))]),
    ],
  };
}

function contentLink(content: Cached<VolumeSnapshotContent>): ChainLink {
  return {
    ref: refTo("VolumeSnapshotContent", content),
    state: words(content.spec.driver, readiness(content)),
    needs: [],
  };
}
