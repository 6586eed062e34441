// CNI plug-ins: how to define and run one.

export type {
  AttachmentRequest,
  CniContext,
  CniHandlers,
  CniPlugin,
  CniResult,
  DelRequest,
  GcRequest,
  NetnsRequest,
  StatusRequest,
} from "./plugin/cni-plugin.ts";
