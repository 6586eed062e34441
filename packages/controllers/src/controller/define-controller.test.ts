import { collectingLogger, fakeClock } from "@kx/core/testing";
import { describe, expect, expectTypeOf, it } from "vitest";
import { Deployment } from "../api/gen/apps-v1.ts";
import { ConfigMap } from "../api/gen/core-v1.ts";
import { type ControllerDefinition, defineController } from "./define-controller.ts";
import { done } from "./result.ts";

const valid: ControllerDefinition<Deployment> = { name: "mine", for: Deployment, reconcile: async () => done };

describe("defineController", () => {
  it.each([
    [{ ...valid, recncile: 1 }, /no field "recncile" \(did you mean reconcile\?\)/],
    [{ ...valid, zzz: 1 }, /no field "zzz" \(known are name, version/],
    [{ ...valid, name: "My Controller" }, /cannot be named "My Controller"/],
    [{ ...valid, for: undefined }, /no resource in "for"/],
    [{ ...valid, reconcile: undefined }, /has no reconcile/],
    [{ ...valid, concurrency: 0 }, /concurrency: 0/],
    [{ ...valid, concurrency: 1.5 }, /concurrency: 1.5/],
    [{ ...valid, resyncMs: 0 }, /resyncMs: 0/],
  ])("refuses what cannot work: %#", (definition, message) => {
    expect(() => defineController(definition as ControllerDefinition<Deployment>)).toThrow(message);
  });

  it("makes an inert, frozen extension with parts for the controller role alone", () => {
    const controller = defineController({ ...valid, version: "1.2.3" });
    expect(controller).toMatchObject({ kx: 1, kind: "controller", name: "mine", version: "1.2.3" });
    expect(Object.isFrozen(controller)).toBe(true);
    const env = { log: collectingLogger(), clock: fakeClock(), kubeconfig: "/does/not/exist" };
    expect(controller.parts({ ...env, role: "node" })).toEqual([]);
    expect(controller.parts({ ...env, role: "controller" }).map(({ name, group }) => [name, group])).toEqual([
      ["mine/cache", "cache"],
      ["mine/workers", "leader"],
    ]);
  });

  it("calls a reconcile that is a method on its object", async () => {
    class Author {
      readonly name = "mine";
      readonly for = Deployment;
      calls = 0;
      async reconcile() {
        this.calls += 1;
        return done;
      }
    }
    const author = new Author();
    const controller = defineController(author);
    await controller.definition.reconcile({ key: "a", ref: { name: "a" }, object: undefined }, undefined as never);
    expect(author.calls).toBe(1);
  });

  it("asks for the rights that it needs", () => {
    const controller = defineController({ ...valid, owns: [ConfigMap] });
    const [role] = controller.manifests({ namespace: "kx", image: "i" });
    expect(role).toMatchObject({ kind: "ClusterRole", metadata: { name: "kx:controller:mine" } });
    expect(role?.["rules"]).toContainEqual({
      apiGroups: [""],
      resources: ["configmaps"],
      verbs: ["get", "list", "watch", "create", "update", "patch", "delete"],
    });
  });

  it("infers the object, read-only to any depth", () => {
    defineController({
      name: "typed",
      for: Deployment,
      async reconcile({ object }) {
        expectTypeOf(object?.spec.template.spec?.containers).toExtend<
          readonly { readonly name: string }[] | undefined
        >();
        // @ts-expect-error: objects of the cache are read-only
        if (object !== undefined) object.spec.replicas = 3;
        return done;
      },
    });
  });
});
