import { describe, expect, it } from "vitest";
import {
  type Attachment,
  type AttachmentStep,
  attachedVolume,
  attacherFinalizer,
  isNews,
  nodeIdOf,
  planAttachment,
} from "./plan-attachment.ts";

const driverName = "disk.csi.kx.dev";
const finalizers = [attacherFinalizer(driverName)];
const deletionTimestamp = "2026-01-01T00:00:00Z";
const base = { name: "va", uid: "1", resourceVersion: "1", creationTimestamp: "" };

function attachment(metadata: object = {}, status: object = { attached: false }, spec: object = {}): Attachment {
  const source = { persistentVolumeName: "v" };
  return {
    metadata: { ...base, ...metadata },
    spec: { attacher: driverName, nodeName: "n", source, ...spec },
    status: { attached: false, ...status },
  };
}

const attached = { attached: true };

describe("planAttachment", () => {
  it.each<[string, AttachmentStep, Attachment, boolean]>([
    ["new", "attach", attachment(), true],
    ["attached", "check", attachment({ finalizers }, attached), true],
    ["to be detached", "detach", attachment({ finalizers, deletionTimestamp }, attached), true],
    ["maybe half attached, to be detached", "detach", attachment({ finalizers, deletionTimestamp }), true],
    ["detached already", "nothing", attachment({ deletionTimestamp }, attached), true],
    ["of another driver", "nothing", attachment({}, {}, { attacher: "other" }), true],
    ["of a driver that does not attach", "mark-attached", attachment(), false],
    ["marked for a driver that does not attach", "nothing", attachment({}, attached), false],
  ])("%s: %s", (_, step, of, attaches) => {
    expect(planAttachment({ driverName, attachment: of, attaches })).toBe(step);
  });
});

it("names the finalizer by the driver", () => {
  expect(attacherFinalizer("disk.csi.kx.dev")).toBe("external-attacher/disk-csi-kx-dev");
  expect(attacherFinalizer("disk_")).toBe("external-attacher/disk-X");
});

it("takes what it reported itself for no news", () => {
  const old = attachment({ finalizers });
  const failed = attachment({ finalizers, resourceVersion: "2" }, { attachError: { message: "no" } });
  expect(isNews(old, failed)).toBe(false);
  expect(isNews(old, attachment({ finalizers, deletionTimestamp }))).toBe(true);
  expect(isNews(attachment({ finalizers }, attached), old)).toBe(true);
});

describe("nodeIdOf", () => {
  const annotations = { "csi.alpha.kubernetes.io/node-id": "old-id" };
  const csiNode = (drivers: { name: string; nodeID: string }[]) => ({ metadata: base, spec: { drivers } });
  const here = csiNode([{ name: driverName, nodeID: "id" }]);

  it("is what the driver says, and when detaching what was remembered if it says nothing", () => {
    expect(nodeIdOf(attachment(), here, driverName)).toBe("id");
    const detaching = attachment({ annotations, deletionTimestamp });
    expect(nodeIdOf(detaching, here, driverName)).toBe("id");
    expect(nodeIdOf(detaching, undefined, driverName)).toBe("old-id");
    expect(nodeIdOf(detaching, csiNode([]), driverName)).toBe("old-id");
  });

  it("is unknown for attaching to a node without the driver", () => {
    expect(() => nodeIdOf(attachment({ annotations }), undefined, driverName)).toThrow("KX_CSI_ATTACHMENT");
  });
});

describe("attachedVolume", () => {
  const csi = { driver: driverName, volumeHandle: "h" };

  it("is the named volume, or the one in the attachment itself", () => {
    expect(attachedVolume(attachment(), { metadata: {}, spec: { csi } }, driverName).csi).toEqual(csi);
    const inline = attachment({}, {}, { source: { inlineVolumeSpec: { csi } } });
    expect(attachedVolume(inline, undefined, driverName).csi).toEqual(csi);
  });

  it("is refused if it is not there or of another driver", () => {
    expect(() => attachedVolume(attachment(), undefined, driverName)).toThrow("does not exist");
    expect(() => attachedVolume(attachment(), { metadata: {}, spec: {} }, driverName)).toThrow("names no CSI volume");
    const other = { metadata: {}, spec: { csi: { ...csi, driver: "other" } } };
    expect(() => attachedVolume(attachment(), other, driverName)).toThrow("of the driver other");
  });
});
