import type { Client } from "@kx/controllers";
import { Secret, type SecretReference } from "@kx/controllers/api/core-v1";
import { KxError } from "@kx/core";

/** The prefix of parameters that are for the controllers, not for the driver. */
export const reservedPrefix = "csi.storage.k8s.io/";

/** For which calls a class can name a secret: `csi.storage.k8s.io/<use>-secret-name` and `-namespace`. */
export const secretUses = [
  "provisioner",
  "controller-publish",
  "node-stage",
  "node-publish",
  "controller-expand",
  "node-expand",
  "controller-modify",
  "snapshotter",
  "snapshotter-list",
  "group-snapshotter",
  "group-snapshotter-get",
] as const;

/** One of `secretUses`. */
export type SecretUse = (typeof secretUses)[number];

/** A secret by name. */
export type SecretRef = Required<SecretReference>;

/** What stands for `${name}` in a template, in the name and in the namespace of a secret. */
export interface TemplateValues {
  readonly name: Readonly<Record<string, string>>;
  readonly namespace: Readonly<Record<string, string>>;
}

/** What the templates of a StorageClass may refer to. An annotation, like the claim's name, only in the secret's name. */
export function claimTemplateValues(
  volumeName: string,
  claim: { readonly metadata: ClaimMetadata } | undefined,
): TemplateValues {
  if (claim === undefined) return { name: { "pv.name": volumeName }, namespace: { "pv.name": volumeName } };
  const { name = "", namespace = "", annotations = {} } = claim.metadata;
  const both = { "pv.name": volumeName, "pvc.namespace": namespace };
  const ofAnnotations = Object.entries(annotations).map(([key, value]) => [`pvc.annotations['${key}']`, value]);
  return { namespace: both, name: { ...both, "pvc.name": name, ...Object.fromEntries(ofAnnotations) } };
}

interface ClaimMetadata {
  readonly name?: string;
  readonly namespace?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

// RFC 1123, as the API server checks names.
const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const label = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

/**
 * The secret that a class names for a use: by keys of the use's own, else, where `hasDefault` (StorageClasses), by
 * `csi.storage.k8s.io/secret-name` and `-namespace`. Undefined if it names none.
 *
 * @throws KxError `KX_CSI_SECRET_TEMPLATE`.
 */
export function secretRefOf(
  use: SecretUse,
  parameters: Readonly<Record<string, string>>,
  values: TemplateValues,
  { hasDefault = false }: { readonly hasDefault?: boolean } = {},
): SecretRef | undefined {
  const own = pairOf(`${use}-secret`, parameters);
  const pair = own ?? (hasDefault ? pairOf("secret", parameters) : undefined);
  if (pair === undefined) return undefined;
  const name = expand(pair.name, values.name, `${use} secret's name`);
  const namespace = expand(pair.namespace, values.namespace, `${use} secret's namespace`);
  if (!subdomain.test(name) || name.length > 253) throw badTemplate(`"${name}" cannot be the name of a secret`);
  if (!label.test(namespace) || namespace.length > 63) throw badTemplate(`"${namespace}" cannot be a namespace`);
  return { name, namespace };
}

/** The secret with which a snapshot is taken and asked about, by its class. */
export function snapshotterSecretOf(
  parameters: Readonly<Record<string, string>>,
  contentName: string,
  { namespace = "", name }: { readonly namespace?: string; readonly name: string },
): SecretRef | undefined {
  const inNamespace = { "volumesnapshotcontent.name": contentName, "volumesnapshot.namespace": namespace };
  return secretRefOf("snapshotter", parameters, {
    name: { ...inNamespace, "volumesnapshot.name": name },
    namespace: inNamespace,
  });
}

function pairOf(prefix: string, parameters: Readonly<Record<string, string>>): SecretRef | undefined {
  const [nameKey, namespaceKey] = [`${reservedPrefix}${prefix}-name`, `${reservedPrefix}${prefix}-namespace`];
  const [name, namespace] = [parameters[nameKey], parameters[namespaceKey]];
  if (name === undefined && namespace === undefined) return undefined;
  if (name === undefined || namespace === undefined) {
    throw badTemplate(`the class has only one of the parameters ${nameKey} and ${namespaceKey}`);
  }
  return { name, namespace };
}

/** As a shell would, but `${...}` alone, and a name that is not known is refused. */
function expand(template: string, values: Readonly<Record<string, string>>, what: string): string {
  return template.replaceAll(/\$\{([^}]*)\}/g, (_, key: string) => {
    const value = Object.hasOwn(values, key) ? values[key] : undefined;
    if (value !== undefined) return value;
    throw badTemplate(`"${template}", the ${what}, names "${key}", which is not known here`);
  });
}

/**
 * A secret's data as CSI takes it; none for no reference.
 *
 * @throws KxError `KX_CSI_SECRET` if it cannot be read, or holds what is no text.
 */
export async function readSecret(
  client: Client,
  ref: Readonly<SecretReference> | undefined,
  signal?: AbortSignal,
): Promise<Record<string, string>> {
  if (ref?.name === undefined) return {};
  const { name, namespace = "" } = ref;
  const { data = {} } = await client.get(Secret, { name, namespace }, { signal }).catch((cause: unknown) => {
    if (signal?.aborted === true) throw cause;
    const why = KxError.is(cause) ? cause.reason : String(cause);
    throw new KxError("KX_CSI_SECRET", `secret ${namespace}/${name} cannot be read: ${why}`, {
      cause,
      retryable: true,
    });
  });
  const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  try {
    return Object.fromEntries(
      Object.entries(data).map(([key, text]) => [key, utf8.decode(Buffer.from(text, "base64"))]),
    );
  } catch {
    throw new KxError("KX_CSI_SECRET", `secret ${namespace}/${name} holds data that is no UTF-8 text, which CSI wants`);
  }
}

/** A text without the values of a secret, which a driver may have put into it. */
export function withoutValues(text: string, secrets: Readonly<Record<string, string>>): string {
  // As in logs: what is shorter is no secret worth the name, and taking it out would garble every sentence.
  const values = Object.values(secrets).filter(({ length }) => length >= 3);
  return values
    .toSorted((a, b) => b.length - a.length)
    .reduce((rest, value) => rest.replaceAll(value, "[redacted]"), text);
}

/** A class's parameters for the driver: without those for the controllers. `known` says which of these there are. */
export function driverParameters(
  parameters: Readonly<Record<string, string>>,
  known: ReadonlySet<string>,
): Record<string, string> {
  const own: Record<string, string> = {};
  for (const [key, value] of Object.entries(parameters)) {
    if (!key.startsWith(reservedPrefix)) own[key] = value;
    else if (!known.has(key)) {
      throw new KxError("KX_CSI_CLASS", `the class has the unknown parameter ${key}`, {
        remedy: `parameters that begin with ${reservedPrefix} are reserved: correct its name`,
      });
    }
  }
  return own;
}

/** The parameters that name the secrets of these uses. */
export function secretParameters(uses: readonly SecretUse[]): readonly string[] {
  return uses.flatMap((use) => [`${reservedPrefix}${use}-secret-name`, `${reservedPrefix}${use}-secret-namespace`]);
}

function badTemplate(reason: string): KxError {
  return new KxError("KX_CSI_SECRET_TEMPLATE", reason, { remedy: "correct the parameters of the class" });
}
