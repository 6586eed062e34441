export { type AssetOptions, type Assets, ensureAssets } from "./assets/index.ts";
export { connectCluster } from "./control.ts";
export { clusterErrors } from "./errors.ts";
export { type ArchiveBlob, type ArchiveImage, type ImageArchive, readArchive } from "./images/archive.ts";
export { buildImage, writeImage } from "./images/build-image.ts";
export type { ImageConfig, ImageFile, ImagePlatform, ImageSpec } from "./images/image-spec.ts";
export { type Descriptor } from "./images/layout-documents.ts";
export { type BusyboxOptions, busyboxImage, nginxStandIn } from "./images/stock-images.ts";
export { installMissing } from "./install.ts";
export { type Prerequisite, prerequisites } from "./prerequisites.ts";
export type { AccessRule } from "./registry/index.ts";
export { startCluster } from "./start-cluster.ts";
export { startControlPlane } from "./start-control-plane.ts";
export { prepareDir } from "./state.ts";
export { type ClusterStatus, cleanUp, clusterLogs, clusterStatus, signalOwner } from "./status.ts";
export type {
  Cluster,
  ClusterNode,
  ClusterOptions,
  ClusterProcess,
  ControlPlane,
  ControlPlaneOptions,
  ExecOptions,
  ExecResult,
  IpFamily,
  PodNetwork,
  Progress,
  SupervisedProgram,
  UserOptions,
  WebhookEndpoint,
} from "./types.ts";
