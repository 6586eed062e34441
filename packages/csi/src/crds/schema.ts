/** A part of a CRD's schema (OpenAPI v3, structural). */
export type CrdSchema = Readonly<Record<string, unknown>>;

/** A rule of a CRD, in CEL. */
export interface CelRule {
  readonly message: string;
  readonly rule: string;
}

/** A text. */
export function text(description: string, extra: CrdSchema = {}): CrdSchema {
  return { type: "string", description, ...extra };
}

/** An object of these fields. */
export function fields(properties: Readonly<Record<string, CrdSchema>>, extra: CrdSchema = {}): CrdSchema {
  return { type: "object", properties, ...extra };
}

/** A schema with rules, after those that it has. */
export function ruled(schema: CrdSchema, ...rules: readonly CelRule[]): CrdSchema {
  const known = (schema["x-kubernetes-validations"] ?? []) as readonly CelRule[];
  return { ...schema, "x-kubernetes-validations": [...known, ...rules] };
}

/** A schema whose value cannot be changed. */
export function immutable(schema: CrdSchema, message: string): CrdSchema {
  return ruled(schema, { message, rule: "self == oldSelf" });
}

/** Either the one field or the other, and neither can be taken away; `optional` names them as CEL does. */
export function eitherOf(a: string, b: string): readonly CelRule[] {
  return [
    { message: `${a} is required once set`, rule: `!has(oldSelf.${a}) || has(self.${a})` },
    { message: `${b} is required once set`, rule: `!has(oldSelf.${b}) || has(self.${b})` },
    {
      message: `exactly one of ${a} and ${b} must be set`,
      rule: `(has(self.${a}) && !has(self.${b})) || (!has(self.${a}) && has(self.${b}))`,
    },
  ];
}

/** A reference to another object. */
export function objectReference(description: string, field: string): CrdSchema {
  const schema = fields(
    {
      apiVersion: text("API version of the object."),
      fieldPath: text("A part of the object."),
      kind: text("Kind of the object."),
      name: text("Name of the object."),
      namespace: text("Namespace of the object."),
      resourceVersion: text("The version that was referred to."),
      uid: text("UID of the object."),
    },
    { description, "x-kubernetes-map-type": "atomic" },
  );
  // CEL escapes the word "namespace".
  const rule = "has(self.name) && has(self.__namespace__)";
  return ruled(schema, { message: `both ${field}.name and ${field}.namespace must be set`, rule });
}

/** A time as RFC 3339. */
export function time(description: string): CrdSchema {
  return text(description, { format: "date-time" });
}

/** A count of 64 bits. */
export function int64(description: string, extra: CrdSchema = {}): CrdSchema {
  return { type: "integer", format: "int64", description, ...extra };
}

/** A boolean. */
export function flag(description: string): CrdSchema {
  return { type: "boolean", description };
}

/** A schema with what every object has. */
export function root(
  description: string,
  properties: Readonly<Record<string, CrdSchema>>,
  required: readonly string[],
) {
  return fields(
    {
      apiVersion: text("Group and version of this object's schema."),
      kind: text("Kind of this object."),
      metadata: { type: "object" },
      ...properties,
    },
    { description, required },
  );
}
