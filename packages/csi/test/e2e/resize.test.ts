// Growth and changes of attributes: the resizer, a real API server, the hostpath driver.
import { PersistentVolume, PersistentVolumeClaim } from "@kx/controllers/api/core-v1";
import { VolumeAttributesClass } from "@kx/controllers/api/storage-v1";
import { eventually, testNamespace } from "@kx/controllers/testing";
import { csiError, defineCsiDriver } from "@kx/csi";
import { csiControllers } from "@kx/csi/controllers";
import { hostpath } from "@kx/csi/hostpath";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CsiLab, startCsiLab } from "../support/csi-lab.ts";

const Mi = 1024n ** 2n;
/** More than this the driver of these tests cannot make. */
const mostBytes = 64n * Mi;

let lab: CsiLab;
/** What the driver answers the next calls of growth with, before it does its work. */
const faults: Error[] = [];
const asked: bigint[] = [];
/** What each volume was last changed to. */
const changed = new Map<string, Record<string, string>>();

beforeAll(async () => {
  lab = await startCsiLab({
    driver(stateDir) {
      const { definition } = hostpath({ nodeId: "node-1", stateDir, durability: "rename" });
      return defineCsiDriver({
        ...definition,
        async controllerExpandVolume(request, ctx) {
          const bytes = request.capacityRange?.requiredBytes ?? 0n;
          asked.push(bytes);
          const fault = faults.shift();
          if (fault !== undefined) throw fault;
          if (bytes > mostBytes) throw csiError("OUT_OF_RANGE", `${bytes} bytes are too many`);
          return (await definition.controllerExpandVolume?.(request, ctx)) ?? { capacityBytes: bytes };
        },
        async controllerModifyVolume(request, ctx) {
          await definition.controllerModifyVolume?.(request, ctx);
          changed.set(request.volumeId, request.mutableParameters);
        },
      });
    },
    extensions: (driver) => csiControllers(driver, { parts: ["resizer"] }),
  });
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
});

const ask = (namespace: string, name: string, storage: string) =>
  lab.client.patch(
    PersistentVolumeClaim,
    { namespace, name },
    { spec: { resources: { requests: { storage } } } },
    { type: "merge" },
  );

async function claimWhen(
  namespace: string,
  name: string,
  what: string,
  holds: (claim: PersistentVolumeClaim) => boolean,
): Promise<PersistentVolumeClaim> {
  return await eventually(
    async () => {
      const claim = await lab.client.get(PersistentVolumeClaim, { namespace, name });
      if (!holds(claim)) throw new Error(JSON.stringify(claim.status));
      return claim;
    },
    { describe: what },
  );
}
const typesOf = (claim: PersistentVolumeClaim) => (claim.status?.conditions ?? []).map(({ type }) => type);
const volumeOf = (namespace: string, name: string) =>
  lab.client.get(PersistentVolume, { name: `pv-${namespace}-${name}` });

describe("growth", () => {
  it("is finished by the controller where the node has nothing to do", async () => {
    await using namespace = await testNamespace(lab.client);
    await lab.claim(namespace.name, "data");
    await ask(namespace.name, "data", "16Mi");
    const claim = await claimWhen(
      namespace.name,
      "data",
      "16Mi",
      ({ status }) => status?.capacity?.["storage"] === "16Mi",
    );
    expect(claim.status?.allocatedResources).toEqual({ storage: "16Mi" });
    expect(claim.status?.allocatedResourceStatuses).toBeUndefined();
    expect(typesOf(claim)).toEqual([]);
    expect(claim.metadata.annotations).toMatchObject({ "volume.kubernetes.io/node-expansion-not-required": "true" });
    expect((await volumeOf(namespace.name, "data")).spec?.capacity).toEqual({ storage: "16Mi" });
    await eventually(
      async () => {
        const reasons = await lab.reasons(namespace.name, "data");
        expect(reasons).toEqual(expect.arrayContaining(["Resizing", "VolumeResizeSuccessful"]));
        return true;
      },
      { describe: "the events" },
    );
  });

  it("is left to the node where its file system has to grow", async () => {
    await using namespace = await testNamespace(lab.client);
    await lab.claim(namespace.name, "disk", { parameters: { backing: "image" } });
    await ask(namespace.name, "disk", "16Mi");
    const claim = await claimWhen(
      namespace.name,
      "disk",
      "the node's turn",
      ({ status }) => status?.allocatedResourceStatuses?.["storage"] === "NodeResizePending",
    );
    expect(claim.status?.capacity).toEqual({ storage: "8Mi" });
    expect(typesOf(claim)).toContain("FileSystemResizePending");
    expect((await volumeOf(namespace.name, "disk")).spec?.capacity).toEqual({ storage: "16Mi" });
    await eventually(async () => (await lab.reasons(namespace.name, "disk")).includes("FileSystemResizeRequired"), {
      describe: "the event",
    });
  });

  it("that is impossible is told, rests, and gives way to a smaller size", async () => {
    await using namespace = await testNamespace(lab.client);
    await lab.claim(namespace.name, "data");
    await ask(namespace.name, "data", "1Gi");
    const failed = await claimWhen(
      namespace.name,
      "data",
      "the failure",
      ({ status }) => status?.allocatedResourceStatuses?.["storage"] === "ControllerResizeInfeasible",
    );
    expect(failed.status?.allocatedResources).toEqual({ storage: "1Gi" });
    expect(typesOf(failed)).toEqual(expect.arrayContaining(["Resizing", "ControllerResizeError"]));
    const tries = asked.filter((bytes) => bytes === 1024n * Mi).length;
    expect(tries).toBe(1);

    await ask(namespace.name, "data", "32Mi");
    const claim = await claimWhen(
      namespace.name,
      "data",
      "32Mi",
      ({ status }) => status?.capacity?.["storage"] === "32Mi",
    );
    expect(typesOf(claim)).toEqual([]);
    expect(claim.status?.allocatedResourceStatuses).toBeUndefined();
    expect(asked.filter((bytes) => bytes === 1024n * Mi)).toHaveLength(1);
  });

  it("that may be at work keeps its size, though less is asked for meanwhile", async () => {
    await using namespace = await testNamespace(lab.client);
    await lab.claim(namespace.name, "data");
    const busy = () => csiError("UNAVAILABLE", "the storage is away");
    faults.push(busy(), busy());
    await ask(namespace.name, "data", "48Mi");
    await claimWhen(
      namespace.name,
      "data",
      "the growth to begin",
      ({ status }) => status?.allocatedResources?.["storage"] === "48Mi",
    );
    await ask(namespace.name, "data", "24Mi");
    const claim = await claimWhen(
      namespace.name,
      "data",
      "48Mi",
      ({ status }) => status?.capacity?.["storage"] === "48Mi",
    );
    expect(claim.status?.allocatedResources).toEqual({ storage: "48Mi" });
    expect(asked).not.toContain(24n * Mi);
  });
});

describe("a VolumeAttributesClass", () => {
  const change = (namespace: string, name: string, volumeAttributesClassName: string) =>
    lab.client.patch(
      PersistentVolumeClaim,
      { namespace, name },
      { spec: { volumeAttributesClassName } },
      { type: "merge" },
    );

  it("is waited for, then the volume is changed to it", async () => {
    await using namespace = await testNamespace(lab.client);
    const className = `gold-${namespace.name}`;
    const { handle } = await lab.claim(namespace.name, "data");
    await change(namespace.name, "data", className);
    await claimWhen(
      namespace.name,
      "data",
      "the wait",
      ({ status }) => status?.modifyVolumeStatus?.status === "Pending",
    );
    await lab.client.create(VolumeAttributesClass, {
      metadata: { name: className },
      driverName: lab.driver.name,
      parameters: mutable,
    });
    const claim = await claimWhen(
      namespace.name,
      "data",
      "the change",
      ({ status }) => status?.currentVolumeAttributesClassName === className,
    );
    expect(claim.status?.modifyVolumeStatus).toBeUndefined();
    expect(typesOf(claim)).toEqual([]);
    expect((await volumeOf(namespace.name, "data")).spec?.volumeAttributesClassName).toBe(className);
    expect(changed.get(handle)).toEqual(mutable);
    await eventually(
      async () => {
        const reasons = await lab.reasons(namespace.name, "data");
        expect(reasons).toEqual(
          expect.arrayContaining(["VolumeModifyFailed", "VolumeModify", "VolumeModifySuccessful"]),
        );
        return true;
      },
      { describe: "the events" },
    );
  });

  it("that the driver refuses is infeasible; another one follows", async () => {
    await using namespace = await testNamespace(lab.client);
    const [bad, good] = [`bad-${namespace.name}`, `good-${namespace.name}`];
    const driverName = lab.driver.name;
    await lab.client.create(VolumeAttributesClass, {
      metadata: { name: bad },
      driverName,
      parameters: { colour: "red" },
    });
    await lab.client.create(VolumeAttributesClass, { metadata: { name: good }, driverName, parameters: mutable });
    await lab.claim(namespace.name, "data");
    await change(namespace.name, "data", bad);
    const refused = await claimWhen(
      namespace.name,
      "data",
      "the refusal",
      ({ status }) => status?.modifyVolumeStatus?.status === "Infeasible",
    );
    expect(refused.status?.modifyVolumeStatus?.targetVolumeAttributesClassName).toBe(bad);
    expect(typesOf(refused)).toEqual(expect.arrayContaining(["ModifyingVolume", "ModifyVolumeError"]));
    await change(namespace.name, "data", good);
    const claim = await claimWhen(
      namespace.name,
      "data",
      "the other class",
      ({ status }) => status?.currentVolumeAttributesClassName === good,
    );
    expect(typesOf(claim)).toEqual([]);
  });
});

/** Parameters that a hostpath volume can be changed to. */
const mutable = { tier: "gold" };
