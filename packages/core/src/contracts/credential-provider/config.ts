import * as z from "zod/mini";
import { miniSchema } from "../../config/mini-schema.ts";
import type { Schema } from "../../schema.ts";
import { nonEmpty, uniqueBy } from "../json.ts";
import { credentialProviderApi, goDuration } from "./exchange.ts";

/** Asks the kubelet for a token of the pod's service account. */
export interface TokenAttributes {
  readonly serviceAccountTokenAudience: string;
  /** Whether credentials hold for the service account or only for this token. */
  readonly cacheType: "Token" | "ServiceAccount";
  /** False: the provider is also called, without a token, for pods that have no service account. */
  readonly requireServiceAccount: boolean;
  /** Without each of them, the provider is not called. */
  readonly requiredServiceAccountAnnotationKeys?: readonly string[];
  readonly optionalServiceAccountAnnotationKeys?: readonly string[];
}

/** One provider in the kubelet's configuration. */
export interface CredentialProviderEntry {
  /** The program's name in the kubelet's folder of providers. */
  readonly name: string;
  /** Patterns: *.registry.example, registry.example:5000/team. */
  readonly matchImages: readonly string[];
  /** As Go writes durations: 10m. */
  readonly defaultCacheDuration: string;
  readonly apiVersion: typeof credentialProviderApi;
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value: string }[];
  readonly tokenAttributes?: TokenAttributes;
}

/** The file that the kubelet's --image-credential-provider-config names. */
export interface CredentialProviderConfig {
  readonly apiVersion: "kubelet.config.k8s.io/v1";
  readonly kind: "CredentialProviderConfig";
  readonly providers: readonly CredentialProviderEntry[];
}

const keys = z.exactOptional(z.array(nonEmpty).check(uniqueBy((key) => key, "name")));

const tokenAttributes = z
  .strictObject({
    serviceAccountTokenAudience: nonEmpty,
    cacheType: z.enum(["Token", "ServiceAccount"]),
    requireServiceAccount: z.boolean(),
    requiredServiceAccountAnnotationKeys: keys,
    optionalServiceAccountAnnotationKeys: keys,
  })
  .check(
    z.refine(
      ({ requireServiceAccount, requiredServiceAccountAnnotationKeys: required = [] }) =>
        requireServiceAccount || required.length === 0,
      { message: "must be true with requiredServiceAccountAnnotationKeys", path: ["requireServiceAccount"] },
    ),
    z.refine(
      ({ requiredServiceAccountAnnotationKeys: required = [], optionalServiceAccountAnnotationKeys: optional = [] }) =>
        !required.some((key) => optional.includes(key)),
      { message: "has a key that is also required", path: ["optionalServiceAccountAnnotationKeys"] },
    ),
  );

const provider = z.strictObject({
  name: nonEmpty.check(z.regex(/^(?!\.{1,2}$)[^/ ]+$/, "must be a file name, without a folder or spaces")),
  matchImages: z.array(nonEmpty).check(z.minLength(1, "must name a pattern")),
  defaultCacheDuration: goDuration,
  apiVersion: z.literal(credentialProviderApi),
  args: z.exactOptional(z.array(z.string())),
  env: z.exactOptional(z.array(z.strictObject({ name: nonEmpty, value: z.string() }))),
  tokenAttributes: z.exactOptional(tokenAttributes),
});

/** The kubelet does not start with a configuration that it finds wrong: what it checks is checked here. */
export const credentialProviderConfig: Schema<CredentialProviderConfig> = miniSchema(
  z.strictObject({
    apiVersion: z.literal("kubelet.config.k8s.io/v1"),
    kind: z.literal("CredentialProviderConfig"),
    providers: z.array(provider).check(
      z.minLength(1, "must name a provider"),
      uniqueBy(({ name }) => name, "name"),
    ),
  }),
);
