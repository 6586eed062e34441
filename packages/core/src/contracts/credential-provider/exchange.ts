import * as z from "zod/mini";
import { miniSchema } from "../../config/mini-schema.ts";
import type { Schema } from "../../schema.ts";
import { nonEmpty } from "../json.ts";

/** The group and version of the messages between kubelet and provider. */
export const credentialProviderApi = "credentialprovider.kubelet.k8s.io/v1";

/** What the kubelet writes to a provider's standard input. */
export interface CredentialProviderRequest {
  readonly apiVersion: typeof credentialProviderApi;
  readonly kind: "CredentialProviderRequest";
  /** With its registry: registry.example/team/image:tag. */
  readonly image: string;
  /** Of the pod's service account, if the provider's configuration asks for one. A secret. */
  readonly serviceAccountToken?: string;
  /** Those that the provider's configuration names. */
  readonly serviceAccountAnnotations?: Readonly<Record<string, string>>;
}

/** Of what the kubelet may use the same credentials again. */
export type CacheKeyType = "Image" | "Registry" | "Global";

/** Credentials of a registry. */
export interface RegistryAuth {
  readonly username: string;
  /** A secret. */
  readonly password: string;
}

/** What a provider writes to its standard output. */
export interface CredentialProviderResponse {
  readonly apiVersion: typeof credentialProviderApi;
  readonly kind: "CredentialProviderResponse";
  readonly cacheKeyType: CacheKeyType;
  /** As Go writes durations: 10m0s. Absent: the default of the provider's configuration; 0s: not cached. */
  readonly cacheDuration?: string;
  /** By pattern of images, as in matchImages. Absent or empty: no credentials. */
  readonly auth?: Readonly<Record<string, RegistryAuth>>;
}

/** A duration as Go writes it, without a sign. */
export const goDuration = z
  .string()
  .check(
    z.regex(/^(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/, "must be a duration such as 10m or 1h30m"),
  );

/** A newer kubelet may send more fields: they are kept, and do no harm. */
export const credentialProviderRequest: Schema<CredentialProviderRequest> = miniSchema(
  z.looseObject({
    apiVersion: z.literal(credentialProviderApi),
    kind: z.literal("CredentialProviderRequest"),
    image: nonEmpty,
    serviceAccountToken: z.exactOptional(z.string()),
    serviceAccountAnnotations: z.exactOptional(z.record(z.string(), z.string())),
  }),
);

/** The kubelet hides what is wrong with a response, so a field that it would ignore is an error here. */
export const credentialProviderResponse: Schema<CredentialProviderResponse> = miniSchema(
  z.strictObject({
    apiVersion: z.literal(credentialProviderApi),
    kind: z.literal("CredentialProviderResponse"),
    cacheKeyType: z.enum(["Image", "Registry", "Global"]),
    cacheDuration: z.exactOptional(goDuration),
    auth: z.exactOptional(z.record(nonEmpty, z.strictObject({ username: z.string(), password: z.string() }))),
  }),
);
