import * as z from "zod/mini";
import { miniSchema } from "../../config/mini-schema.ts";
import type { Schema } from "../../schema.ts";
import { type JsonObject, jsonObject, nonEmpty } from "../json.ts";
import { type Status, status } from "./status.ts";

/** What the API server sends to the conversion webhook of a custom resource. */
export interface ConversionReviewRequest {
  readonly apiVersion: "apiextensions.k8s.io/v1";
  readonly kind: "ConversionReview";
  readonly request: {
    /** The answer carries the same. */
    readonly uid: string;
    readonly desiredAPIVersion: string;
    readonly objects: readonly JsonObject[];
  };
}

/** What the webhook answers. */
export interface ConversionReviewResponse {
  readonly apiVersion: "apiextensions.k8s.io/v1";
  readonly kind: "ConversionReview";
  readonly response: {
    readonly uid: string;
    /** As many as came, in their order, alike but for version, spec, status, labels and annotations; empty on failure. */
    readonly convertedObjects: readonly JsonObject[];
    readonly result: Status & { readonly status: "Success" | "Failure" };
  };
}

const review = { apiVersion: z.literal("apiextensions.k8s.io/v1"), kind: z.literal("ConversionReview") };

/** A newer server may send more fields: they are kept, and do no harm. */
export const conversionReviewRequest: Schema<ConversionReviewRequest> = miniSchema(
  z.looseObject({
    ...review,
    request: z.looseObject({ uid: nonEmpty, desiredAPIVersion: nonEmpty, objects: z.array(jsonObject) }),
  }),
);

export const conversionReviewResponse: Schema<ConversionReviewResponse> = miniSchema(
  z.strictObject({
    ...review,
    response: z.strictObject({
      uid: nonEmpty,
      convertedObjects: z.array(jsonObject),
      result: z.extend(status, { status: z.enum(["Success", "Failure"]) }),
    }),
  }),
);
