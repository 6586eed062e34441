import { miniSchema } from "@kx/core/config";
import { describe, expect, expectTypeOf, it } from "vitest";
import * as z from "zod/mini";
import type { Cached } from "../api/resource.ts";
import { Foo } from "../foo/resource.ts";
import { defineResource } from "./define-resource.ts";

const spec = miniSchema(z.object({ size: z.int().check(z.minimum(1)), tags: z.record(z.string(), z.string()) }));
const valid = { group: "example.org", version: "v1beta1", kind: "Widget", spec };

describe("defineResource", () => {
  it("derives the plural and gives a CRD with a structural schema", () => {
    const widget = defineResource({ ...valid, shortNames: ["w"], namespaced: false });
    expect(widget).toMatchObject({ plural: "widgets", namespaced: false });
    expect(widget.crd()).toEqual({
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: "widgets.example.org" },
      spec: {
        group: "example.org",
        names: { kind: "Widget", plural: "widgets", singular: "widget", shortNames: ["w"] },
        scope: "Cluster",
        versions: [
          {
            name: "v1beta1",
            served: true,
            storage: true,
            schema: {
              openAPIV3Schema: {
                type: "object",
                properties: {
                  spec: {
                    type: "object",
                    properties: {
                      size: { type: "integer", minimum: 1 },
                      tags: { type: "object", additionalProperties: { type: "string" } },
                    },
                    required: ["size", "tags"],
                  },
                },
              },
            },
          },
        ],
      },
    });
  });

  it.each([
    [{ ...valid, pluarl: "x" }, /no field "pluarl" \(did you mean plural\?\)/],
    [{ ...valid, group: "Example" }, /group "Example"/],
    [{ ...valid, version: "1" }, /version "1"/],
    [{ ...valid, kind: "widget" }, /kind "widget"/],
  ])("refuses what cannot work: %#", (definition, message) => {
    expect(() => defineResource(definition)).toThrow(message);
  });

  it("says that a schema without a description gives no CRD", () => {
    const plain = defineResource({ ...valid, spec: { "~standard": spec["~standard"] } });
    expect(() => plain.crd()).toThrow(/spec schema that cannot describe itself.*miniSchema/);
  });

  it("gives Foo the schema of upstream's CRD", () => {
    expect(Foo.crd().spec).toMatchObject({
      versions: [
        {
          subresources: { status: {} },
          schema: {
            openAPIV3Schema: {
              properties: {
                spec: { properties: { replicas: { type: "integer", minimum: 1, maximum: 10 } } },
                status: { properties: { availableReplicas: { type: "integer" } } },
              },
            },
          },
        },
      ],
    });
    expectTypeOf<Cached<Foo>["spec"]["replicas"]>().toEqualTypeOf<number | undefined>();
  });
});
