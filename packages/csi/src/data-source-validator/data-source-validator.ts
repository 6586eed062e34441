import type { ObjectMeta } from "@kx/controllers";
import { type Controller, defineController, done, type Resource, watch } from "@kx/controllers";
import type { CustomResourceDefinition } from "@kx/controllers/api/apiextensions-v1";
import { PersistentVolumeClaim } from "@kx/controllers/api/core-v1";
import { defineExtension, type Extension, type ExtensionModule, type KubeObject } from "@kx/core";
import { miniSchema } from "@kx/core/config";
import * as z from "zod/mini";
import { whenServed } from "../controllers/gated.ts";
import { claims } from "../controllers/kubernetes.ts";
import { crdOf } from "../crds/crd.ts";
import { fields, root, text } from "../crds/schema.ts";
import { isKnownSource } from "./known-source.ts";

/** Says that claims can be filled from objects of a kind. */
export interface VolumePopulator {
  apiVersion?: string;
  kind?: string;
  metadata: ObjectMeta;
  sourceKind: { group: string; kind: string };
}

/** The resource `volumepopulators`. */
export const VolumePopulator: Resource<VolumePopulator> = Object.freeze({
  group: "populator.storage.k8s.io",
  version: "v1beta1",
  kind: "VolumePopulator",
  plural: "volumepopulators",
  namespaced: false,
});

/** The CRD of VolumePopulators. */
export function volumePopulatorCrd(): CustomResourceDefinition {
  const sourceKind = fields(
    { group: text("API group of the kind; empty for the core group."), kind: text("The kind.") },
    { description: "Of what claims can be filled.", required: ["group", "kind"] },
  );
  const description = "Says that a populator fills claims from objects of a kind.";
  return crdOf({
    resource: VolumePopulator,
    shortNames: [],
    approved: "https://github.com/kubernetes/enhancements/pull/2934",
    columns: [["SourceKind", "string", ".sourceKind"]],
    hasStatus: false,
    versions: [{ name: "v1beta1", storage: true, schema: root(description, { sourceKind }, ["sourceKind"]) }],
  });
}

/**
 * Tells by an event on a claim that nobody fills it: its data source is neither a claim nor a snapshot, and no
 * VolumePopulator is for its kind. A cluster has it once.
 */
export function dataSourceValidator(): Extension {
  const controller: Controller<PersistentVolumeClaim> = defineController({
    name: "data-source-validator",
    component: "volume-data-source-validator",
    eventsApi: "core/v1",
    for: PersistentVolumeClaim,
    select: claims,
    // A data source never changes.
    predicates: [({ kind }) => kind === "added"],
    watches: [watch(VolumePopulator, { map: () => [] })],
    async reconcile({ object }, { cache, client, events, signal }) {
      const source = object?.spec?.dataSourceRef;
      if (object === undefined || source === undefined) return done;
      const known = cache.list(VolumePopulator).map(({ sourceKind }) => sourceKind);
      if (isKnownSource(source, known)) return done;
      // The populator may have come with the claim, and the cache be behind.
      const { items } = await client.list(VolumePopulator, { signal });
      const present = items.map(({ sourceKind }) => sourceKind);
      if (isKnownSource(source, present)) return done;
      events.event(object, {
        type: "Warning",
        reason: "UnrecognizedDataSourceKind",
        message: "The datasource for this PVC does not match any registered VolumePopulator",
      });
      return done;
    },
    manifests: () => [volumePopulatorCrd() as unknown as KubeObject],
  });
  return whenServed(controller);
}

/** What a host loads. */
export const extension: ExtensionModule = defineExtension({
  options: miniSchema(z.strictObject({})),
  create: dataSourceValidator,
});
