import { didYouMean, type HostEnv, KxError, type NodeNeeds, type Runnable } from "@kx/core";
import { startupTaintController } from "../controllers/startup-taint/startup-taint.ts";
import { createRegistrar } from "../registrar/registrar.ts";
import { hasController, hasNode } from "./capabilities.ts";
import type { CsiDriver, CsiDriverDefinition } from "./csi-driver.ts";
import { type CheckFeatures, type CsiFeatures, featureNeeds } from "./csi-features.ts";
import type { CsiHandlers } from "./csi-handlers.ts";
import type { CsiServices } from "./csi-services.ts";
import { driverManifests } from "./driver-manifests.ts";
import { controllerParts } from "./embedded-controllers.ts";
import { socketPathOf } from "./endpoint.ts";
import { handlerNames } from "./handler-names.ts";
import { csiRunnable } from "./start-csi-driver.ts";

const otherFields = [
  "name",
  "version",
  "manifest",
  "state",
  "features",
  "csiDriver",
  "distributed",
  "snapshotMetadata",
  "endpoints",
  "kubeletDir",
  "node",
  "init",
  "probe",
] as const;
const functions: readonly string[] = ["init", "probe", ...handlerNames];
const known: readonly string[] = [...otherFields, ...handlerNames];

const featureNames: Readonly<Record<keyof CsiFeatures, true>> = {
  singleNodeMultiWriter: true,
  volumeMountGroup: true,
  publishReadonly: true,
  clone: true,
  publishedNodes: true,
  topology: true,
  snapshotTopology: true,
  expansion: true,
  volumeCondition: true,
  accessTypes: true,
  accessModes: true,
  fsTypes: true,
};

/**
 * Makes a driver of its handlers. Does nothing yet: `runCsiDriver` serves it, or a host.
 *
 * @throws KxError `KX_CSI_DEFINITION`.
 */
export function defineCsiDriver<const Definition extends CsiDriverDefinition>(
  definition: Definition & CheckFeatures<Definition>,
): CsiDriver {
  validate(definition);
  const bound = bind(definition);
  const driver: CsiDriver = Object.freeze({
    kx: 1,
    kind: "csi",
    name: bound.name,
    version: bound.version ?? "0.0.0",
    definition: bound,
    parts: (env) => partsOf(driver, env),
    manifests: (env) => driverManifests(bound, env),
    ...(hasNode(bound) ? { node: bound.node ?? nodeNeeds(bound) } : {}),
  } satisfies CsiDriver);
  return driver;
}

const usualKubeletDir = "/var/lib/kubelet";

function nodeNeeds({ kubeletDir = usualKubeletDir }: CsiDriverDefinition): NodeNeeds {
  return {
    hostPaths: [{ path: kubeletDir, propagation: "Bidirectional" }, { path: "/dev" }],
    // What is mounted for others to see needs it all.
    privileged: true,
  };
}

function partsOf(driver: CsiDriver, env: HostEnv): readonly Runnable[] {
  const { definition } = driver;
  const { name: driverName, endpoints = {}, kubeletDir = usualKubeletDir, distributed } = definition;
  const { log, clock, role } = env;
  let services: CsiServices | undefined;
  const served = (now: CsiServices | undefined) => {
    services = now;
  };
  const controllers = () => controllerParts(driver, () => services, env);
  if (role === "controller") {
    const taints = hasNode(definition) ? startupTaintController(driverName).parts(env) : [];
    if (!hasController(definition) || distributed !== undefined) return taints;
    const endpoint = endpoints.controller ?? `unix:///run/kx/csi/${driverName}/csi.sock`;
    return [csiRunnable(definition, "controller", endpoint, env, served), ...controllers(), ...taints];
  }
  if (!hasNode(definition)) return [];
  const endpoint = endpoints.node ?? `unix://${kubeletDir}/plugins/${driverName}/csi.sock`;
  const socketPath = socketPathOf(endpoint);
  return [
    csiRunnable(definition, distributed === undefined ? "node" : "all", endpoint, env, served),
    createRegistrar({ driverName, socketPath, kubeletDir, log, clock }),
    ...(distributed === undefined ? [] : controllers()),
  ];
}

/** Reads by property access, so that getters and inherited methods count, and binds methods to their object. */
function bind(definition: CsiDriverDefinition): Readonly<CsiDriverDefinition> {
  const bound: Record<string, unknown> = {};
  for (const key of known) {
    const value: unknown = Reflect.get(definition, key);
    if (value !== undefined) bound[key] = typeof value === "function" ? value.bind(definition) : value;
  }
  // Each field was copied under its own name.
  return Object.freeze(bound) as unknown as CsiDriverDefinition;
}

function validate(definition: CsiDriverDefinition): void {
  refuseUnknown("field", definition, known);
  const { name, features = {} } = definition;
  if (typeof name !== "string" || name.length > 63 || !/^[a-zA-Z0-9]([-.a-zA-Z0-9]*[a-zA-Z0-9])?$/.test(name)) {
    throw invalid(
      `cannot be named ${JSON.stringify(name)}`,
      "use domain name notation of at most 63 characters, such as disk.csi.example.com",
    );
  }
  for (const key of functions) {
    const handler: unknown = Reflect.get(definition, key);
    if (handler === undefined || typeof handler === "function") continue;
    throw invalid(`"${name}" has no function ${key}`, `write ${key}(request, ctx), or leave it out`);
  }
  refuseUnknown("feature", features, Object.keys(featureNames));
  refuseUnmetFeatures(definition);
  refuseHalves(definition);
}

/** Calls that make no sense without each other, as they share one capability. */
const pairs: readonly (readonly (keyof CsiHandlers)[])[] = [
  ["createVolume", "deleteVolume"],
  ["controllerPublishVolume", "controllerUnpublishVolume"],
  ["createSnapshot", "deleteSnapshot"],
  ["createVolumeGroupSnapshot", "deleteVolumeGroupSnapshot", "getVolumeGroupSnapshot"],
  ["getMetadataAllocated", "getMetadataDelta"],
  ["nodeStageVolume", "nodeUnstageVolume"],
  ["nodePublishVolume", "nodeUnpublishVolume", "nodeGetInfo"],
];

function refuseHalves(definition: CsiDriverDefinition): void {
  for (const names of pairs) {
    const missing = names.filter((name) => definition[name] === undefined);
    if (missing.length === 0 || missing.length === names.length) continue;
    // A node may be known without any volume on it.
    if (names.includes("nodeGetInfo") && missing.length === names.length - 1 && definition.nodeGetInfo) continue;
    const present = names.filter((name) => !missing.includes(name));
    throw invalid(
      `"${definition.name}" has ${present.join(" and ")} without ${missing.join(" and ")}`,
      "CSI has one capability for them: write all, or none",
    );
  }
  const needsAnswer = hasController(definition) && definition.validateVolumeCapabilities === undefined;
  if (!needsAnswer || definition.state !== undefined) return;
  throw invalid(
    `"${definition.name}" has neither state nor validateVolumeCapabilities`,
    "CSI wants that call of every controller: give a state, from which the kit answers it, or write the function",
  );
}

/** The same as `CheckFeatures`, for those who write no TypeScript. */
function refuseUnmetFeatures(definition: CsiDriverDefinition): void {
  for (const [feature, lists] of Object.entries(featureNeeds)) {
    const value: unknown = Reflect.get(definition.features ?? {}, feature);
    if (value === undefined || value === false) continue;
    for (const list of lists) {
      if (list.some((handler) => Reflect.get(definition, handler) !== undefined)) continue;
      throw invalid(
        `"${definition.name}" has the feature ${feature} without the handler ${list.join(" or ")}`,
        `add the handler, or take the feature away`,
      );
    }
  }
}

/** An instance of a class may have fields of its own; a mistyped literal may not. */
function refuseUnknown(what: string, given: object, names: readonly string[]): void {
  if (Object.getPrototypeOf(given) !== Object.prototype) return;
  for (const key of Object.keys(given)) {
    if (names.includes(key)) continue;
    const meant = didYouMean(key, names);
    throw invalid(
      `has no ${what} "${key}"`,
      meant === undefined ? `known are ${names.join(", ")}` : `did you mean ${meant}?`,
    );
  }
}

function invalid(what: string, remedy: string): KxError {
  return new KxError("KX_CSI_DEFINITION", `a CSI driver ${what}`, { remedy });
}
