import type { ObjectLike } from "@kx/controllers";
import { describe, expect, it } from "vitest";
import { explainStorage } from "./explain.ts";
import type { StorageObjects } from "./storage-objects.ts";
import { parseStorageRef, showRef } from "./storage-ref.ts";

const nowMs = Date.parse("2026-01-01T01:00:00Z");
const justNow = "2026-01-01T00:59:30Z";
const longAgo = "2026-01-01T00:00:00Z";
const driver = "disk.example";
const namespace = "shop";

type Fields = Record<string, unknown>;
type Lists = { readonly [Name in keyof StorageObjects]?: readonly Fields[] };

/** Objects as the API server would have them; those without a namespace are given one where their kind has one. */
function storage(lists: Lists): StorageObjects {
  const namespaced = new Set(["pods", "claims", "snapshots", "groupSnapshots"]);
  const full = (list: string, one: Fields): Fields => {
    const metadata = {
      uid: `${list}-${String((one["metadata"] as ObjectLike["metadata"]).name)}`,
      resourceVersion: "1",
      creationTimestamp: justNow,
      ...(namespaced.has(list) ? { namespace } : {}),
      ...(one["metadata"] as Fields),
    };
    return { ...one, metadata };
  };
  const names = [
    "pods",
    "claims",
    "volumes",
    "attachments",
    "nodes",
    "csiNodes",
    "classes",
    "attributesClasses",
    "drivers",
    "capacities",
    "snapshots",
    "snapshotContents",
    "snapshotClasses",
    "groupSnapshots",
    "events",
  ] as const;
  const all = names.map((name) => [name, (lists[name] ?? []).map((one) => full(name, one))] as const);
  return Object.fromEntries(all) as unknown as StorageObjects;
}

const codes = (lists: Lists, target?: string) =>
  explainStorage(
    storage(lists),
    target === undefined ? undefined : parseStorageRef(target, namespace),
    nowMs,
  ).findings.map(({ about, code, state }) => `${state === "waiting" ? "…" : "✗"} ${showRef(about)}: ${code}`);

const node = (name: string, ...drivers: readonly string[]) => ({
  nodes: [{ metadata: { name }, status: { conditions: [{ type: "Ready", status: "True" }] } }],
  csiNodes: [{ metadata: { name }, spec: { drivers: drivers.map((one) => ({ name: one, nodeID: name })) } }],
});
const claim = (name: string, spec: Fields = {}, status: Fields = { phase: "Pending" }, metadata: Fields = {}) => ({
  metadata: { name, ...metadata },
  spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } }, ...spec },
  status,
});
const bound = (name: string, status: Fields = {}, spec: Fields = {}) => ({
  claims: [
    claim(name, { volumeName: `pv-${name}`, ...spec }, { phase: "Bound", capacity: { storage: "1Gi" }, ...status }),
  ],
  volumes: [
    {
      metadata: { name: `pv-${name}` },
      spec: {
        csi: { driver, volumeHandle: "v" },
        accessModes: ["ReadWriteOnce"],
        claimRef: { namespace, name, uid: `claims-${name}` },
      },
      status: { phase: "Bound" },
    },
  ],
});
const pod = (name: string, claimName: string, fields: Fields = {}, metadata: Fields = {}) => ({
  metadata: { name, ...metadata },
  spec: { volumes: [{ name: "data", persistentVolumeClaim: { claimName } }], ...fields },
  status: { phase: "Pending" },
});
const event = (kind: string, name: string, reason: string, message: string, lastTimestamp = justNow) => ({
  metadata: { name: `${name}.${reason}.${lastTimestamp}` },
  involvedObject: { kind, name, ...(kind === "Pod" || kind.endsWith("Claim") ? { namespace } : {}) },
  type: "Warning",
  reason,
  message,
  lastTimestamp,
});

describe("all that is stuck", () => {
  it("is nothing in a cluster without storage, and in one where all is well", () => {
    expect(codes({})).toEqual([]);
    const running = { ...pod("app", "data", { nodeName: "n1" }), status: { phase: "Running" } };
    expect(codes({ ...node("n1", driver), ...bound("data"), pods: [running] })).toEqual([]);
  });

  it("comes before what merely waits", () => {
    const late = { metadata: { name: "late" }, provisioner: driver, volumeBindingMode: "WaitForFirstConsumer" };
    const lists = {
      classes: [late],
      claims: [claim("a", { storageClassName: "late" }), claim("b", { storageClassName: "none" })],
    };
    expect(codes(lists)).toEqual([
      "✗ PersistentVolumeClaim shop/b: ClassMissing",
      "… PersistentVolumeClaim shop/a: WaitsForConsumer",
    ]);
  });

  it("is of one object and its chain if that is asked for", () => {
    const lists = {
      claims: [claim("a", { storageClassName: "none" }), claim("b", { storageClassName: "none" })],
      pods: [pod("app", "a")],
    };
    expect(codes(lists, "pod/app")).toEqual(["✗ PersistentVolumeClaim shop/a: ClassMissing"]);
    expect(codes(lists, "pvc/b")).toEqual(["✗ PersistentVolumeClaim shop/b: ClassMissing"]);
  });
});

describe("claims", () => {
  const provisioned = { metadata: { name: "fast" }, provisioner: driver };
  const asked = (metadata: Fields = {}) => claim("data", { storageClassName: "fast" }, { phase: "Pending" }, metadata);

  it("get the default class", () => {
    const annotations = { "storageclass.kubernetes.io/is-default-class": "true" };
    const classes = [{ ...provisioned, metadata: { name: "fast", annotations } }];
    expect(codes({ classes, claims: [claim("data")] })).toEqual(["… PersistentVolumeClaim shop/data: ClassToBeSet"]);
  });

  it("name what does not fit of the volumes that are free", () => {
    const free = (name: string, spec: Fields) => ({
      metadata: { name },
      spec: { accessModes: ["ReadWriteOnce"], capacity: { storage: "1Gi" }, ...spec },
      status: { phase: "Available" },
    });
    const volumes = [
      free("small", { capacity: { storage: "512Mi" } }),
      free("other", { accessModes: ["ReadOnlyMany"] }),
      free("raw", { volumeMode: "Block" }),
    ];
    const { findings } = explainStorage(
      storage({ volumes, claims: [claim("data", { storageClassName: "" })] }),
      undefined,
      nowMs,
    );
    expect(findings[0]).toMatchObject({
      code: "NoVolumeFits",
      message: expect.stringContaining("small (512Mi of 1Gi), other (not ReadWriteOnce), raw (volumeMode Block)"),
    });
  });

  it.each([
    ["a status as gRPC names it in Go", "rpc error: code = ResourceExhausted desc = full", "NoRoom"],
    ["a status as CSI names it", "OUT_OF_RANGE: too large", "NoRoom"],
    ["no topology", "error generating accessibility requirements: no available topology found", "TopologyMismatch"],
    ["anything else", "the disk is on fire", "ProvisioningFailed"],
  ])("were refused with %s", (_, message, code) => {
    const events = [event("PersistentVolumeClaim", "data", "ProvisioningFailed", message)];
    const lists = { ...node("n1", driver), classes: [provisioned], claims: [asked()], events };
    expect(codes(lists)).toEqual([`✗ PersistentVolumeClaim shop/data: ${code}`]);
  });

  it("show what was told last", () => {
    const events = [
      event("PersistentVolumeClaim", "data", "ProvisioningFailed", "newer", "2026-01-01T00:59:59Z"),
      event("PersistentVolumeClaim", "data", "ProvisioningFailed", "older", longAgo),
    ];
    const lists = { ...node("n1", driver), classes: [provisioned], claims: [asked()], events };
    expect(explainStorage(storage(lists), undefined, nowMs).findings[0]?.lastError).toMatchObject({
      message: "newer",
      at: "2026-01-01T00:59:59Z",
    });
  });

  it("are stuck when nobody says anything for a minute", () => {
    const lists = { ...node("n1", driver), classes: [provisioned] };
    expect(codes({ ...lists, claims: [asked()] })).toEqual(["… PersistentVolumeClaim shop/data: Provisioning"]);
    const claims = [asked({ creationTimestamp: longAgo })];
    expect(codes({ ...lists, claims })).toEqual(["✗ PersistentVolumeClaim shop/data: ProvisionerSilent"]);
  });

  it("are copied, and stay until that is done", () => {
    const source = claim(
      "source",
      {},
      { phase: "Bound" },
      {
        deletionTimestamp: justNow,
        finalizers: ["provisioner.storage.kubernetes.io/cloning-protection"],
      },
    );
    const copy = claim("copy", {
      storageClassName: "fast",
      dataSource: { kind: "PersistentVolumeClaim", name: "source" },
    });
    const found = codes({ ...node("n1", driver), classes: [provisioned], claims: [source, copy] }, "pvc/source");
    expect(found).toEqual(["✗ PersistentVolumeClaim shop/source: SourceInUse"]);
  });

  it("tell that nobody takes a finalizer away, and whose it is", () => {
    const claims = [
      claim("data", {}, { phase: "Bound" }, { deletionTimestamp: longAgo, finalizers: ["backup.example/keep"] }),
    ];
    const { findings } = explainStorage(storage({ claims }), undefined, nowMs);
    expect(findings).toMatchObject([{ code: "FinalizerStays", waitsFor: "who has set backup.example/keep" }]);
  });
});

describe("growth", () => {
  const condition = (type: string) => ({ conditions: [{ type, status: "True", message: "no" }] });
  const wanted = { resources: { requests: { storage: "2Gi" } } };
  it.each([
    ["nobody has begun", {}, "… ResizeNotBegun"],
    [
      "the controller is at it",
      { allocatedResourceStatuses: { storage: "ControllerResizeInProgress" } },
      "… ResizeInProgress",
    ],
    ["a condition alone tells it", condition("Resizing"), "… ResizeInProgress"],
    ["it failed", condition("ControllerResizeError"), "✗ ResizeFailed"],
    [
      "the controller cannot",
      { allocatedResourceStatuses: { storage: "ControllerResizeInfeasible" } },
      "✗ ResizeInfeasible",
    ],
    ["the node cannot", { allocatedResourceStatuses: { storage: "NodeResizeInfeasible" } }, "✗ ResizeInfeasible"],
    ["the node is to do it", { allocatedResourceStatuses: { storage: "NodeResizePending" } }, "… ResizeWaitsForNode"],
    [
      "the node fails",
      { ...condition("NodeResizeError"), allocatedResourceStatuses: { storage: "NodeResizePending" } },
      "✗ ResizeWaitsForNode",
    ],
  ])("%s", (_, status, expected) => {
    const [sign = "", code = ""] = expected.split(" ");
    expect(codes(bound("data", status, wanted))).toEqual([`${sign} PersistentVolumeClaim shop/data: ${code}`]);
  });
});

describe("attributes", () => {
  const attributesClasses = [{ metadata: { name: "gold" }, driverName: driver }];
  const status = (state: string, more: Fields = {}) => ({
    modifyVolumeStatus: { status: state, targetVolumeAttributesClassName: "gold" },
    ...more,
  });
  const failed = { conditions: [{ type: "ModifyVolumeError", status: "True", message: "no" }] };
  it.each([
    ["nobody has begun", {}, "… ModifyNotBegun"],
    ["it is under way", status("InProgress"), "… ModifyInProgress"],
    ["it failed", status("InProgress", failed), "✗ ModifyFailed"],
    ["it is impossible", status("Infeasible", failed), "✗ ModifyInfeasible"],
  ])("%s", (_, given, expected) => {
    const [sign = "", code = ""] = expected.split(" ");
    const lists = { ...bound("data", given, { volumeAttributesClassName: "gold" }), attributesClasses };
    expect(codes(lists)).toEqual([`${sign} PersistentVolumeClaim shop/data: ${code}`]);
  });
});

describe("attachments", () => {
  const attachment = (status: Fields, metadata: Fields = {}, nodeName = "n1") => ({
    metadata: { name: "va", ...metadata },
    spec: { attacher: driver, nodeName, source: { persistentVolumeName: "pv-data" } },
    status,
  });
  const cluster = { ...node("n1", driver), ...bound("data") };
  const leaving = { deletionTimestamp: longAgo, finalizers: ["external-attacher/disk-example"] };
  it.each([
    ["begun just now", attachment({ attached: false }), "… Attaching"],
    ["begun long ago", attachment({ attached: false }, { creationTimestamp: longAgo }), "✗ AttacherSilent"],
    ["failing", attachment({ attached: false, attachError: { message: "no" } }), "✗ AttachFailed"],
    ["of a node that is gone", attachment({ attached: true }, {}, "n9"), "✗ NodeGone"],
    ["to be ended just now", attachment({ attached: true }, { ...leaving, deletionTimestamp: justNow }), "… Detaching"],
    ["to be ended long ago", attachment({ attached: true }, leaving), "✗ DetacherSilent"],
    ["that cannot be ended", attachment({ attached: true, detachError: { message: "no" } }, leaving), "✗ DetachFailed"],
  ])("%s", (_, given, expected) => {
    const [sign = "", code = ""] = expected.split(" ");
    expect(codes({ ...cluster, attachments: [given] })).toEqual([`${sign} VolumeAttachment va: ${code}`]);
  });

  it("are left on a node that needs them no more, while a pod waits elsewhere", () => {
    const attachments = [attachment({ attached: true }, { creationTimestamp: longAgo })];
    const pods = [pod("app", "data", { nodeName: "n2" })];
    const two = {
      nodes: [...cluster.nodes, ...node("n2").nodes],
      csiNodes: [...cluster.csiNodes, ...node("n2", driver).csiNodes],
    };
    expect(codes({ ...cluster, ...two, attachments, pods })).toEqual([
      "✗ Pod shop/app: MultiAttach",
      "✗ VolumeAttachment va: AttachmentLeft",
    ]);
  });

  it("to a node without CSINode drivers do not break the look", () => {
    const csiNodes = [{ metadata: { name: "n1" }, spec: { drivers: null } }];
    const drivers = [{ metadata: { name: driver }, spec: {} }];
    const lists = { ...cluster, csiNodes, drivers, attachments: [attachment({ attached: false })] };
    expect(codes(lists)).toEqual(["✗ VolumeAttachment va: DriverNotOnNode"]);
  });
});

describe("pods", () => {
  const unscheduled = (message: string) => ({
    ...pod("app", "data"),
    status: {
      phase: "Pending",
      conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable", message }],
    },
  });
  it.each([
    ["0/3 nodes are available: 3 node(s) exceed max volume count.", "AttachLimit"],
    ["0/3 nodes are available: 3 node(s) had untolerated taint {disk.example/agent-not-ready: }.", "DriverNotOnNode"],
    ["0/3 nodes are available: 3 node(s) didn't find available persistent volumes to bind.", "NoVolumeFits"],
  ])("%s", (message, code) => {
    const lists = { ...node("n1", driver), ...bound("data"), pods: [unscheduled(message)] };
    expect(codes(lists)).toEqual([`✗ Pod shop/app: ${code}`]);
  });

  it("that wait for something else than volumes are not spoken of", () => {
    const lists = {
      ...node("n1", driver),
      ...bound("data"),
      pods: [unscheduled("0/1 nodes are available: 1 Insufficient cpu.")],
    };
    expect(codes(lists)).toEqual([]);
  });

  it("with a volume of their own wait for its driver", () => {
    const inline = {
      metadata: { name: "app" },
      spec: { nodeName: "n1", volumes: [{ name: "secrets", csi: { driver: "secrets.example" } }] },
      status: { phase: "Pending" },
    };
    const drivers = [{ metadata: { name: "secrets.example" }, spec: {} }];
    expect(codes({ ...node("n1", driver), drivers, pods: [inline] })).toEqual(["✗ Pod shop/app: DriverNotOnNode"]);
  });
});

describe("snapshots", () => {
  const snapshot = (status: Fields | undefined, metadata: Fields = {}) => ({
    metadata: { name: "before", ...metadata },
    spec: { source: { persistentVolumeClaimName: "data" }, volumeSnapshotClassName: "snaps" },
    ...(status === undefined ? {} : { status }),
  });
  const content = (status: Fields, metadata: Fields = {}) => ({
    metadata: { name: "content", ...metadata },
    spec: { driver, deletionPolicy: "Delete", source: {}, volumeSnapshotRef: { namespace, name: "before" } },
    status,
  });
  const cluster = {
    ...node("n1", driver),
    ...bound("data"),
    snapshotClasses: [{ metadata: { name: "snaps" }, driver }],
  };

  it("have no controller", () => {
    const snapshots = [snapshot(undefined, { creationTimestamp: longAgo })];
    expect(codes({ ...cluster, snapshots })).toEqual(["✗ VolumeSnapshot shop/before: SnapshotControllerSilent"]);
  });

  it("are taken and not ready yet", () => {
    const status = { boundVolumeSnapshotContentName: "content", readyToUse: false };
    const old = { creationTimestamp: longAgo };
    const lists = { ...cluster, snapshots: [snapshot(status, old)] };
    expect(codes({ ...lists, snapshotContents: [content({ snapshotHandle: "s", readyToUse: false }, old)] })).toEqual([
      "✗ VolumeSnapshot shop/before: WaitsForContent",
      "✗ VolumeSnapshotContent content: SnapshotNotReady",
    ]);
    expect(codes(lists)).toEqual(["✗ VolumeSnapshot shop/before: ContentMissing"]);
  });

  it("cannot be deleted", () => {
    const error = { message: "clones of it exist" };
    const snapshotContents = [content({ readyToUse: true, error }, { deletionTimestamp: longAgo })];
    expect(codes({ ...cluster, snapshotContents })).toEqual(["✗ VolumeSnapshotContent content: DeletionFailed"]);
  });

  it("of groups could not be taken", () => {
    const groupSnapshots = [{ metadata: { name: "all" }, spec: { source: {} }, status: { error: { message: "no" } } }];
    expect(codes({ ...cluster, groupSnapshots })).toEqual(["✗ VolumeGroupSnapshot shop/all: SnapshotFailed"]);
  });
});

describe("names of objects", () => {
  it.each([
    ["pvc/a", "PersistentVolumeClaim shop/a"],
    ["persistentvolume/a", "PersistentVolume a"],
    ["PO/a", "Pod shop/a"],
    ["vsc/a", "VolumeSnapshotContent a"],
  ])("%s", (text, expected) => {
    expect(showRef(parseStorageRef(text, namespace))).toBe(expected);
  });

  it.each([
    ["pvcs/a", "did you mean pvc/?"],
    ["a", "write it as"],
    ["pvc/a/b", "write it as"],
  ])("%s is none", (text, remedy) => {
    expect(() => parseStorageRef(text, namespace)).toThrow(
      expect.objectContaining({ code: "KX_CSI_DOCTOR", remedy: expect.stringContaining(remedy) }),
    );
  });
});
