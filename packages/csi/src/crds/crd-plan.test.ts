import type { CustomResourceDefinition } from "@kx/controllers/api/apiextensions-v1";
import { expect, it } from "vitest";
import { snapshotCrds } from "../snapshot-controller/snapshot-crds.ts";
import { planCrd } from "./crd-plan.ts";

const [wanted] = snapshotCrds({ groups: false }) as [CustomResourceDefinition];

/** What is there once we have installed it. */
function installed(): CustomResourceDefinition {
  const step = planCrd(wanted, undefined);
  if (step.do !== "create") throw new Error(step.do);
  return structuredClone(step.crd);
}

it("installs what is missing, and leaves what it installed", () => {
  expect(planCrd(wanted, undefined).do).toBe("create");
  expect(planCrd(wanted, installed())).toEqual({ do: "leave", why: "current" });
});

it("leaves what others installed, and what a newer kx did", () => {
  expect(planCrd(wanted, wanted)).toEqual({ do: "leave", why: "foreign" });
  const newer = installed();
  newer.metadata.annotations = { ...newer.metadata.annotations, "kx.dev/crd-revision": "999" };
  expect(planCrd(wanted, newer)).toEqual({ do: "leave", why: "newer" });
});

it("renews an older one, and keeps every version that may be stored", () => {
  const older = installed();
  older.metadata.annotations = { "kx.dev/crd-revision": "0" };
  older.metadata.resourceVersion = "12";
  const [version] = older.spec.versions;
  if (version === undefined) throw new Error("no version");
  older.spec.versions = [{ ...version, name: "v1beta1", served: false, storage: true }];
  const step = planCrd(wanted, older);
  expect(step).toMatchObject({ do: "update", crd: { metadata: { resourceVersion: "12" } } });
  const versions = step.do === "update" ? step.crd.spec.versions : [];
  expect(versions.map(({ name, served, storage }) => [name, served, storage])).toEqual([
    ["v1", true, true],
    ["v1beta1", false, false],
  ]);
});
