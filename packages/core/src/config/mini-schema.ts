import * as z from "zod/mini";
// By name: of z.core, a bundler would keep everything, the messages of 60 languages too.
import { $ZodAsyncError } from "zod/v4/core";
import en from "zod/v4/locales/en.js";
import type { Schema, StandardResult } from "../schema.ts";

const { localeError } = en();

/**
 * Makes a Schema of a zod/mini schema: with English messages (zod/mini has none of its own), and describing its *input*
 * as JSON Schema, in which a field with a default is optional and a custom check is an open schema. Validation
 * is synchronous unless the schema itself is not.
 */
export function miniSchema<S extends z.core.$ZodType>(schema: S): Schema<z.core.output<S>> {
  const params = { error: localeError };
  const validate = (value: unknown): Outcome<S> | Promise<Outcome<S>> => {
    try {
      return toOutcome(z.safeParse(schema, value, params));
    } catch (error) {
      if (!(error instanceof $ZodAsyncError)) throw error;
      return z.safeParseAsync(schema, value, params).then((result) => toOutcome<S>(result));
    }
  };
  return {
    "~standard": { version: 1, vendor: "zod", validate },
    jsonSchema: () => ({ ...z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) }),
  };
}

type Outcome<S extends z.core.$ZodType> = StandardResult<z.core.output<S>>;

function toOutcome<S extends z.core.$ZodType>(result: z.core.util.SafeParseResult<z.core.output<S>>): Outcome<S> {
  return result.success ? { value: result.data } : { issues: result.error.issues };
}
