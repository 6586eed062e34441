import type { Client } from "@kx/controllers";
import { describe, expect, it } from "vitest";
import {
  claimTemplateValues,
  driverParameters,
  readSecret,
  reservedPrefix,
  secretParameters,
  secretRefOf,
} from "./secrets.ts";

const claim = { metadata: { name: "data", namespace: "shop", annotations: { team: "blue", "a.b/c": "x" } } };
const values = claimTemplateValues("pvc-1", claim);
const params = (use: string, name: string, namespace: string) => ({
  [`csi.storage.k8s.io/${use}-name`]: name,
  [`csi.storage.k8s.io/${use}-namespace`]: namespace,
});

describe("secretRefOf", () => {
  it.each([
    ["plain", "key", "storage", { name: "key", namespace: "storage" }],
    ["volume and claim", "${pv.name}-${pvc.name}", "${pvc.namespace}", { name: "pvc-1-data", namespace: "shop" }],
    ["annotations", "${pvc.annotations['team']}-${pvc.annotations['a.b/c']}", "x", { name: "blue-x", namespace: "x" }],
    ["a dollar alone", "a", "b$", undefined],
    ["an annotation as namespace", "a", "${pvc.annotations['team']}", undefined],
    ["the claim's name as namespace", "a", "${pvc.name}", undefined],
    ["an unknown name", "${pod.name}", "x", undefined],
    ["a name that no secret has", "A_B", "x", undefined],
    ["a name of the prototype", "${constructor}", "x", undefined],
  ])("%s", (_, name, namespace, expected) => {
    const find = () => secretRefOf("node-stage", params("node-stage-secret", name, namespace), values);
    if (expected !== undefined) expect(find()).toEqual(expected);
    else expect(find).toThrow(expect.objectContaining({ code: "KX_CSI_SECRET_TEMPLATE" }));
  });

  it("is the class's default only where there is one and the use has none of its own", () => {
    const parameters = { ...params("secret", "all", "x"), ...params("node-expand-secret", "own", "x") };
    expect(secretRefOf("node-stage", parameters, values)).toBeUndefined();
    expect(secretRefOf("node-stage", parameters, values, { hasDefault: true })).toEqual({
      name: "all",
      namespace: "x",
    });
    expect(secretRefOf("node-expand", parameters, values, { hasDefault: true })).toEqual({
      name: "own",
      namespace: "x",
    });
  });

  it("is refused by halves", () => {
    expect(() => secretRefOf("node-stage", { "csi.storage.k8s.io/node-stage-secret-name": "a" }, values)).toThrow(
      "only one of the parameters",
    );
  });

  it("knows of a claim that is gone only its volume", () => {
    const gone = claimTemplateValues("pvc-1", undefined);
    expect(secretRefOf("provisioner", params("provisioner-secret", "${pv.name}", "x"), gone)?.name).toBe("pvc-1");
    const byClaim = params("provisioner-secret", "${pvc.name}", "x");
    expect(() => secretRefOf("provisioner", byClaim, gone)).toThrow('names "pvc.name"');
  });
});

describe("driverParameters", () => {
  const known = new Set(secretParameters(["provisioner"]));

  it("leaves out those for the controllers, and refuses unknown ones among them", () => {
    expect(driverParameters({ kind: "fast", ...params("provisioner-secret", "a", "b") }, known)).toEqual({
      kind: "fast",
    });
    expect(() => driverParameters({ [`${reservedPrefix}fstypo`]: "ext4" }, known)).toThrow("csi.storage.k8s.io/fstypo");
  });
});

describe("readSecret", () => {
  const holding = (data: Record<string, string>) =>
    ({ get: async () => ({ metadata: {}, data }) }) as unknown as Client;
  const ref = { name: "key", namespace: "storage" };

  it("decodes data, and has none without a reference", async () => {
    expect(await readSecret(holding({ user: "w6TDvMO2" }), ref)).toEqual({ user: "äüö" });
    expect(await readSecret(holding({ user: "w6TDvMO2" }), undefined)).toEqual({});
  });

  it("refuses what CSI cannot carry", async () => {
    await expect(readSecret(holding({ key: "//79" }), ref)).rejects.toThrow("no UTF-8 text");
  });
});
