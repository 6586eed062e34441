/** Media types of the OCI image specification and their Docker forebears, which archives of other tools still carry. */
export const mediaTypes = {
  index: "application/vnd.oci.image.index.v1+json",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar",
  dockerIndex: "application/vnd.docker.distribution.manifest.list.v2+json",
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
} as const;

/** The annotation by which containerd names an image of an archive. */
export const imageNameAnnotation = "io.containerd.image.name";
/** The OCI annotation: a tag, or with some tools the full name. */
export const refNameAnnotation = "org.opencontainers.image.ref.name";
