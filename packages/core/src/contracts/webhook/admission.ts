import * as z from "zod/mini";
import { miniSchema } from "../../config/mini-schema.ts";
import type { Schema } from "../../schema.ts";
import { type JsonObject, jsonObject, nonEmpty } from "../json.ts";
import { type Status, status } from "./status.ts";

/** What kind of object a request is about. */
export interface AdmissionKind {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** At which resource a request is aimed. */
export interface AdmissionResource {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly resource: string;
}

/** Who makes a request. */
export interface AdmissionUser {
  readonly username?: string;
  readonly uid?: string;
  readonly groups?: readonly string[] | null;
  readonly extra?: Readonly<Record<string, readonly string[]>> | null;
}

/** A request to the API server, before it is stored. */
export interface AdmissionRequest {
  /** The answer carries the same. */
  readonly uid: string;
  /** Of `object`: may be another version than the one asked for. */
  readonly kind: AdmissionKind;
  readonly resource: AdmissionResource;
  readonly subResource?: string;
  /** As the client asked. */
  readonly requestKind?: AdmissionKind;
  readonly requestResource?: AdmissionResource;
  readonly requestSubResource?: string;
  /** Absent where the server is to choose it. */
  readonly name?: string;
  readonly namespace?: string;
  readonly operation: "CREATE" | "UPDATE" | "DELETE" | "CONNECT";
  readonly userInfo: AdmissionUser;
  /** Null for DELETE. */
  readonly object?: JsonObject | null;
  /** For UPDATE and DELETE. */
  readonly oldObject?: JsonObject | null;
  /** Nothing will be stored: leave no trace elsewhere either. */
  readonly dryRun?: boolean;
  /** Of the operation: CreateOptions and so on. */
  readonly options?: JsonObject | null;
}

/** What a webhook thinks of it. */
export interface AdmissionResponse {
  readonly uid: string;
  readonly allowed: boolean;
  /** Why not. */
  readonly status?: Status;
  /** A JSON patch, in base64. */
  readonly patch?: string;
  readonly patchType?: "JSONPatch";
  readonly auditAnnotations?: Readonly<Record<string, string>>;
  /** Shown to the client; short. */
  readonly warnings?: readonly string[];
}

/** What the API server sends to an admission webhook. */
export interface AdmissionReviewRequest {
  readonly apiVersion: "admission.k8s.io/v1";
  readonly kind: "AdmissionReview";
  readonly request: AdmissionRequest;
}

/** What an admission webhook answers. */
export interface AdmissionReviewResponse {
  readonly apiVersion: "admission.k8s.io/v1";
  readonly kind: "AdmissionReview";
  readonly response: AdmissionResponse;
}

const text = z.exactOptional(z.string());
const groupVersion = { group: z.string(), version: nonEmpty };
const kind = z.looseObject({ ...groupVersion, kind: nonEmpty });
const resource = z.looseObject({ ...groupVersion, resource: nonEmpty });
const object = z.exactOptional(z.nullable(jsonObject));

const user = z.looseObject({
  username: text,
  uid: text,
  groups: z.exactOptional(z.nullable(z.array(z.string()))),
  extra: z.exactOptional(z.nullable(z.record(z.string(), z.array(z.string())))),
});

const review = { apiVersion: z.literal("admission.k8s.io/v1"), kind: z.literal("AdmissionReview") };

/** A newer server may send more fields: they are kept, and do no harm. */
export const admissionReviewRequest: Schema<AdmissionReviewRequest> = miniSchema(
  z.looseObject({
    ...review,
    request: z.looseObject({
      uid: nonEmpty,
      kind,
      resource,
      subResource: text,
      requestKind: z.exactOptional(kind),
      requestResource: z.exactOptional(resource),
      requestSubResource: text,
      name: text,
      namespace: text,
      operation: z.enum(["CREATE", "UPDATE", "DELETE", "CONNECT"]),
      userInfo: user,
      object,
      oldObject: object,
      dryRun: z.exactOptional(z.boolean()),
      options: object,
    }),
  }),
);

export const admissionReviewResponse: Schema<AdmissionReviewResponse> = miniSchema(
  z.strictObject({
    ...review,
    response: z
      .strictObject({
        uid: nonEmpty,
        allowed: z.boolean(),
        status: z.exactOptional(status),
        patch: z.exactOptional(z.base64()),
        patchType: z.exactOptional(z.literal("JSONPatch")),
        auditAnnotations: z.exactOptional(z.record(z.string(), z.string())),
        warnings: z.exactOptional(z.array(z.string())),
      })
      .check(
        z.refine(({ patch, patchType }) => (patch === undefined) === (patchType === undefined), {
          message: "goes together with patch",
          path: ["patchType"],
        }),
      ),
  }),
);
