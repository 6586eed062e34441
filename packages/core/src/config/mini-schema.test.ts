import { describe, expect, expectTypeOf, it } from "vitest";
import * as z from "zod/mini";
import type { Infer } from "../schema.ts";
import { miniSchema } from "./index.ts";

const schema = miniSchema(
  z.strictObject({ port: z.prefault(z.int().check(z.lte(65535), z.describe("Port to listen on.")), 80) }),
);

describe("miniSchema", () => {
  it("validates synchronously, fills in defaults and infers the output", () => {
    expectTypeOf<Infer<typeof schema>>().toEqualTypeOf<{ port: number }>();
    expect(schema["~standard"].validate({})).toEqual({ value: { port: 80 } });
  });

  it("says in words what is wrong, which zod/mini alone does not", () => {
    expect(schema["~standard"].validate({ port: 70000 })).toMatchObject({
      issues: [{ path: ["port"], message: expect.stringContaining("65535") }],
    });
  });

  it("describes its input", () => {
    const described = schema.jsonSchema?.();
    expect(described).toMatchObject({ properties: { port: { description: "Port to listen on.", default: 80 } } });
    expect(described).not.toHaveProperty("required");
  });

  it("describes a custom check as anything", () => {
    const custom = miniSchema(z.strictObject({ template: z.optional(z.custom<object>((value) => value !== null)) }));
    expect(custom.jsonSchema?.()).toMatchObject({ properties: { template: {} }, additionalProperties: false });
  });

  it("takes an asynchronous schema too", async () => {
    const slow = miniSchema(z.string().check(z.refine(async (text) => text === "yes", "say yes")));
    await expect(slow["~standard"].validate("yes")).resolves.toEqual({ value: "yes" });
    await expect(slow["~standard"].validate("no")).resolves.toMatchObject({ issues: [{ message: "say yes" }] });
  });
});
