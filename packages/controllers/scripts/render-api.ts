/** One file to write: the schemas whose names start with `schemas`, and the resources served under `path`. */
export interface Module {
  readonly file: string;
  readonly schemas: string;
  readonly path?: string;
}

interface Schema {
  readonly description?: string;
  readonly type?: string;
  readonly format?: string;
  readonly enum?: readonly string[];
  readonly $ref?: string;
  readonly allOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly items?: Schema;
  readonly additionalProperties?: Schema | boolean;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}

interface Kind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

interface Operation {
  readonly "x-kubernetes-group-version-kind"?: Kind;
  readonly "x-kubernetes-action"?: string;
}

/** As much of an OpenAPI v3 document as is read here. */
export interface Document {
  readonly paths: Readonly<Record<string, { readonly get?: Operation; readonly post?: Operation }>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

interface ResourceEntry extends Kind {
  readonly plural: string;
  readonly namespaced: boolean;
}

// Types that JSON shows otherwise than their schema says, or that are open by nature.
const replaced: Readonly<Record<string, string>> = {
  "io.k8s.apimachinery.pkg.api.resource.Quantity": "string",
  "io.k8s.apimachinery.pkg.apis.meta.v1.Time": "string",
  "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": "string",
  "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "number | string",
  "io.k8s.apimachinery.pkg.runtime.RawExtension": "Record<string, unknown>",
  "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1": "Record<string, unknown>",
  "io.k8s.apimachinery.pkg.apis.meta.v1.Patch": "unknown",
  "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON": "unknown",
  "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray":
    "JSONSchemaProps | JSONSchemaProps[]",
  "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool": "JSONSchemaProps | boolean",
  "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray": "JSONSchemaProps | string[]",
};

// Not part of any object, but read by the client.
const alsoWanted = ["Status", "APIResourceList"].map((name) => `io.k8s.apimachinery.pkg.apis.meta.v1.${name}`);

const shortName = (name: string) => name.slice(name.lastIndexOf(".") + 1);
const refName = (ref: string) => ref.slice(ref.lastIndexOf("/") + 1);
const property = (name: string) => (/^[A-Za-z_]\w*$/.test(name) ? name : JSON.stringify(name));

/** The first sentence, at most 160 characters: enough for a tooltip, the rest is in the Kubernetes reference. */
function summary(description: string): string {
  // The values stand in the type already.
  const [text = ""] = description.split("Possible enum values:");
  const flat = text.replaceAll("*/", "* /").replace(/\s+/g, " ").trim();
  const sentence = /^.*?[.!](?= |$)/.exec(flat)?.[0] ?? flat;
  return sentence.length <= 160 ? sentence : `${sentence.slice(0, 157).replace(/\s+\S*$/, "")}...`;
}

class Renderer {
  readonly used = new Set<string>();

  type(schema: Schema): string {
    const ref = schema.$ref ?? schema.allOf?.[0]?.$ref;
    if (ref !== undefined) return this.reference(refName(ref));
    if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
    if (schema.oneOf !== undefined) return schema.oneOf.map((one) => this.type(one)).join(" | ");
    switch (schema.type) {
      case "string":
      case "boolean":
        return schema.type;
      case "integer":
      case "number":
        return "number";
      case "array": {
        const item = this.type(schema.items ?? {});
        return item.includes(" ") ? `(${item})[]` : `${item}[]`;
      }
      case "object":
        return typeof schema.additionalProperties === "object"
          ? `Record<string, ${this.type(schema.additionalProperties)}>`
          : "Record<string, unknown>";
      case undefined:
      default:
        return "unknown";
    }
  }

  reference(name: string): string {
    const literal = replaced[name];
    if (literal !== undefined) return literal;
    this.used.add(name);
    return shortName(name);
  }

  interface(name: string, schema: Schema, resource: ResourceEntry | undefined): string {
    const lines = [...doc(schema, ""), `export interface ${shortName(name)} {`];
    for (const [key, value] of Object.entries(schema.properties ?? {})) {
      const meta = resource !== undefined && key === "metadata";
      const optional = meta || schema.required?.includes(key) ? "" : "?";
      let type = this.type(value);
      if (resource !== undefined && key === "kind") type = JSON.stringify(resource.kind);
      if (resource !== undefined && key === "apiVersion") {
        type = JSON.stringify(resource.group === "" ? resource.version : `${resource.group}/${resource.version}`);
      }
      // apiVersion, kind and metadata say the same on every object.
      if (resource === undefined || !["apiVersion", "kind", "metadata"].includes(key)) lines.push(...doc(value, "  "));
      lines.push(`  ${property(key)}${optional}: ${type};`);
    }
    return [...lines, "}"].join("\n");
  }
}

function doc(schema: Schema, indent: string): string[] {
  const text = schema.description === undefined ? "" : summary(schema.description);
  return text === "" ? [] : [`${indent}/** ${text} */`];
}

/** Resources with objects of their own kind: what can be listed, or only created (reviews). Subresources are no resources. */
export function resourcesOf(document: Document, path: string): ResourceEntry[] {
  const found = new Map<string, ResourceEntry>();
  for (const [route, operations] of Object.entries(document.paths)) {
    const match = new RegExp(`^/${path}/(namespaces/\\{namespace\\}/)?([a-z]+)$`).exec(route);
    const plural = match?.[2];
    const operation = operations.post ?? operations.get;
    const kind = operation?.["x-kubernetes-group-version-kind"];
    if (plural === undefined || kind === undefined) continue;
    // The list over all namespaces has no {namespace} in its route: the namespaced route decides.
    const namespaced = match?.[1] !== undefined || (found.get(plural)?.namespaced ?? false);
    found.set(plural, { group: kind.group, version: kind.version, kind: kind.kind, plural, namespaced });
  }
  return [...found.values()].toSorted((a, b) => (a.kind < b.kind ? -1 : 1));
}

function reachable(roots: readonly string[], schemas: ReadonlyMap<string, Schema>): Set<string> {
  const seen = new Set<string>();
  const visit = (schema: Schema): void => {
    const ref = schema.$ref ?? schema.allOf?.[0]?.$ref;
    if (ref !== undefined) enter(refName(ref));
    for (const inner of Object.values(schema.properties ?? {})) visit(inner);
    if (schema.items !== undefined) visit(schema.items);
    if (typeof schema.additionalProperties === "object") visit(schema.additionalProperties);
  };
  const enter = (name: string): void => {
    const schema = schemas.get(name);
    if (seen.has(name) || replaced[name] !== undefined || schema === undefined) return;
    seen.add(name);
    visit(schema);
  };
  for (const root of roots) enter(root);
  return seen;
}

/** The text of every module, by file name. */
export function renderModules(
  modules: readonly Module[],
  documents: ReadonlyMap<string, Document>,
): ReadonlyMap<string, string> {
  const schemas = new Map([...documents.values()].flatMap((document) => Object.entries(document.components.schemas)));
  const resources = new Map(
    modules.map((m) => {
      const document = m.path === undefined ? undefined : documents.get(m.path);
      return [m.file, document === undefined || m.path === undefined ? [] : resourcesOf(document, m.path)] as const;
    }),
  );
  const roots = modules.flatMap((m) => (resources.get(m.file) ?? []).map((r) => `${m.schemas}.${r.kind}`));
  const wanted = reachable([...roots, ...alsoWanted], schemas);
  const moduleOf = (name: string) => modules.find((m) => name.startsWith(`${m.schemas}.`));

  const texts = new Map<string, string>();
  for (const module of modules) {
    const renderer = new Renderer();
    const own = resources.get(module.file) ?? [];
    const parts: string[] = [];
    for (const name of [...wanted].filter((n) => moduleOf(n) === module).toSorted()) {
      const entry = own.find((r) => r.kind === shortName(name));
      parts.push(renderer.interface(name, schemas.get(name) ?? {}, entry));
      if (entry !== undefined) {
        const { group, version, kind, plural, namespaced } = entry;
        const value = JSON.stringify({ group, version, kind, plural, namespaced });
        parts.push(`/** The resource \`${plural}\`. */\nexport const ${kind}: Resource<${kind}> = ${value};`);
      }
    }
    const imports = new Map<string, string[]>();
    for (const name of renderer.used) {
      const home = moduleOf(name);
      if (home === undefined) throw new Error(`${name}, used by ${module.file}, belongs to no module`);
      if (home !== module) imports.set(home.file, [...(imports.get(home.file) ?? []), shortName(name)]);
    }
    const head = [...imports].map(
      ([file, names]) => `import type { ${names.toSorted().join(", ")} } from "./${file}.ts";`,
    );
    if (own.length > 0) head.unshift(`import type { Resource } from "../resource.ts";`);
    texts.set(
      module.file,
      `// Generated by scripts/generate-api.ts. Do not edit.\n${[...head, "", ...parts].join("\n")}\n`,
    );
  }
  return texts;
}
