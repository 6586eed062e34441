// What the API server asks webhooks: admission review v1 and conversion review v1.

export type { JsonObject } from "../json.ts";
export {
  type AdmissionKind,
  type AdmissionRequest,
  type AdmissionResource,
  type AdmissionResponse,
  type AdmissionReviewRequest,
  type AdmissionReviewResponse,
  type AdmissionUser,
  admissionReviewRequest,
  admissionReviewResponse,
} from "./admission.ts";
export {
  type ConversionReviewRequest,
  type ConversionReviewResponse,
  conversionReviewRequest,
  conversionReviewResponse,
} from "./conversion.ts";
export type { Status } from "./status.ts";
