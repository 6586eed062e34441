/** The Standard Schema v1 interface (standardschema.dev), as far as kx uses it: any validation library fits. */
export interface StandardSchema<Output> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    validate(value: unknown): StandardResult<Output> | Promise<StandardResult<Output>>;
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined;
  };
}

export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** JSON Schema, as plain data. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** A Standard Schema that can also describe itself, from which help texts and CRDs are made. */
export interface Schema<Output> extends StandardSchema<Output> {
  /** Absent on a plain Standard Schema: it validates, but gives no help text and no CRD. */
  jsonSchema?(): JsonSchema;
}

/** The type that a schema's validation yields. */
export type Infer<S extends StandardSchema<unknown>> = S extends StandardSchema<infer Output> ? Output : never;
