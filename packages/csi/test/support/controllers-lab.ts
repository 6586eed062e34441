import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import type { ControlPlane } from "@kx/cluster";
import { type Client, isNotFound, keyOf, type ObjectLike, type Resource, type Stored } from "@kx/controllers";
import { Event, Namespace, PersistentVolume, PersistentVolumeClaim } from "@kx/controllers/api/core-v1";
import { StorageClass } from "@kx/controllers/api/storage-v1";
import { clusterClient, eventually } from "@kx/controllers/testing";
import { systemClock } from "@kx/core";
import { runHost } from "@kx/core/host";
import { type CollectingLogger, collectingLogger } from "@kx/core/testing";
import { type CsiDriver, type RunningCsiDriver, runCsiDriver } from "@kx/csi";
import {
  connectDriver,
  csiControllers,
  type DriverClient,
  inProcessDriver,
  type SidecarOptions,
} from "@kx/csi/controllers";

import { controllerAccount, refuseDenials } from "./accounts.ts";

/** How the controllers of a test reach its driver. */
export type Way = "in process" | "over its socket";

/** A driver at work, with its controllers where they are started. */
export interface DriverLab extends AsyncDisposable {
  readonly driver: CsiDriver;
  readonly folder: string;
  readonly endpoint: string;
  /** Of the account of its controllers. */
  readonly kubeconfig: string;
  readonly running: RunningCsiDriver;
  readonly log: CollectingLogger;
  /** The driver's own calls. */
  readonly calls: DriverClient["controller"];
  /** Runs the controllers until the result is disposed of. */
  controllers(options?: SidecarOptions): Promise<AsyncDisposable>;
}

/** Serves a driver made for a folder, which goes with it; its controllers have the account that is rendered for them. */
export async function driverLab(
  way: Way,
  cluster: Pick<ControlPlane, "kubeconfig" | "addUser">,
  make: (folder: string) => CsiDriver,
): Promise<DriverLab> {
  const folder = await mkdtemp(join(tmpdir(), "kx-csi-lab-"));
  const endpoint = `unix://${folder}/csi.sock`;
  const log = collectingLogger();
  const driver = make(folder);
  const running = await runCsiDriver(driver, { endpoint, log, signal: new AbortController().signal });
  await running.ready;
  await using admin = await clusterClient(cluster);
  const kubeconfig = await controllerAccount(cluster, admin, driver);
  const local = inProcessDriver(driver, { services: () => running.services, log });
  return {
    driver,
    folder,
    endpoint,
    kubeconfig,
    running,
    log,
    calls: local.controller,
    async controllers(options = {}) {
      await using stack = new AsyncDisposableStack();
      const client = way === "in process" ? local : stack.use(await connectDriver(endpoint, { log }));
      const extensions = csiControllers(client, options);
      stack.use(await runHost({ role: "controller", extensions, log, clock: systemClock, kubeconfig }));
      return stack.move();
    },
    async [Symbol.asyncDispose]() {
      await running.stop();
      await rm(folder, { recursive: true, force: true });
      refuseDenials(log);
    },
  };
}

/** Shortcuts for a cluster and a driver. */
export interface StorageLab {
  readonly client: Client;
  readonly namespace: string;
  class(name: string, fields?: Partial<StorageClass>): Promise<string>;
  claim(name: string, storageClassName: string, fields?: ClaimFields): Promise<Stored<PersistentVolumeClaim>>;
  get<T extends ObjectLike>(resource: Resource<T>, name: string): Promise<Stored<T> | undefined>;
  bound(claim: string): Promise<Stored<PersistentVolume>>;
  gone(resource: Resource, name: string): Promise<true>;
  /** The events about an object with this reason. */
  events(name: string, reason: string): Promise<readonly Stored<Event>[]>;
  event(name: string, reason: string, message?: RegExp): Promise<Stored<Event>>;
  until<T>(what: string, look: () => Promise<T | undefined | false>, timeoutMs?: number): Promise<T>;
}

/** What a test changes of a claim. */
export interface ClaimFields {
  readonly annotations?: Record<string, string>;
  readonly size?: string;
  readonly spec?: Partial<PersistentVolumeClaim["spec"]>;
}

/** The shortcuts, in a namespace of its own. `log` is shown when something is waited for in vain. */
export async function storageLab(
  cluster: Pick<ControlPlane, "kubeconfig">,
  namespace: string,
  provisioner: string,
  log: () => CollectingLogger | undefined,
): Promise<StorageLab & AsyncDisposable> {
  const client = await clusterClient(cluster);
  await client.create(Namespace, { metadata: { name: namespace } });
  const refOf = (resource: Resource, name: string) => (resource.namespaced ? { name, namespace } : { name });
  const until: StorageLab["until"] = (describe, look, timeoutMs = 60_000) =>
    eventually(look, { describe, timeoutMs }).catch((error: unknown) => {
      const lines = (log()?.lines ?? [])
        .slice(-20)
        .map(({ level, message, fields }) => `${level} ${message} ${inspect(fields)}`);
      throw new Error(`${(error as Error).message}\n${lines.join("\n")}`, { cause: error });
    });
  const lab: StorageLab = {
    client,
    namespace,
    until,
    async class(name, fields = {}) {
      await client.create(StorageClass, { metadata: { name }, provisioner, ...fields });
      return name;
    },
    claim: (name, storageClassName, { annotations = {}, size = "16Mi", spec = {} } = {}) =>
      client.create(PersistentVolumeClaim, {
        metadata: { name, namespace, annotations },
        spec: {
          accessModes: ["ReadWriteOnce"],
          resources: { requests: { storage: size } },
          storageClassName,
          ...spec,
        },
      }),
    get: (resource, name) =>
      client.get(resource, refOf(resource, name)).catch((error: unknown) => {
        if (isNotFound(error)) return undefined;
        throw error;
      }),
    bound: (claim) =>
      until(`claim ${claim} is bound`, async () => {
        const found = await lab.get(PersistentVolumeClaim, claim);
        if (found?.status?.phase !== "Bound") return undefined;
        const volume = await lab.get(PersistentVolume, found.spec?.volumeName ?? "");
        return volume?.status?.phase === "Bound" ? volume : undefined;
      }),
    gone: (resource, name) =>
      until(`${resource.kind} ${name} is gone`, async () => {
        const found = await lab.get(resource, name);
        if (found !== undefined) throw new Error(`still there: ${keyOf(found)} ${inspect(found, { depth: 4 })}`);
        return true as const;
      }),
    async events(name, reason) {
      const { items } = await client.list(Event, { fieldSelector: `involvedObject.name=${name}` });
      return items.filter((event) => event.reason === reason);
    },
    event: (name, reason, message = /./) =>
      until(`event ${reason} about ${name}`, async () => {
        const found = (await lab.events(name, reason)).find((event) => message.test(event.message ?? ""));
        if (found !== undefined) return found;
        const { items } = await client.list(Event, { fieldSelector: `involvedObject.name=${name}` });
        throw new Error(`there are: ${inspect(items.map((event) => [event.reason, event.message]))}`);
      }),
  };
  return { ...lab, [Symbol.asyncDispose]: () => client[Symbol.asyncDispose]() };
}
