import type { ErrorCatalogue } from "@kx/core";

/** Error codes of the image builder, the archive reader and the registry. */
export const imageErrors = {
  KX_CLUSTER_IMAGE_SPEC: {
    meaning: "An image to build is described wrongly: a bad name, path, mode, or two entries that exclude each other.",
    remedy: "Correct the part of the description that the message names.",
  },
  KX_CLUSTER_IMAGE_SOURCE: {
    meaning: "A file that was to go into an image cannot be read.",
    remedy: "Check that the path exists and may be read by this user.",
  },
  KX_CLUSTER_IMAGE_WRITE: {
    meaning: "An image archive could not be written.",
    remedy: "Check that the folder exists, is writable and has room.",
  },
  KX_CLUSTER_IMAGE_BUSYBOX: {
    meaning: "There is no usable statically linked busybox on this machine, so no busybox image can be built.",
    remedy: "Install it: apt-get install busybox-static.",
  },
  KX_CLUSTER_IMAGE_ARCHIVE: {
    meaning: "A file is not a sound OCI image archive: broken tar, missing entry, wrong digest, or too large a part.",
    remedy: "Write it anew as an OCI layout, for example with `skopeo copy docker://NAME oci-archive:FILE:NAME`.",
  },
  KX_CLUSTER_IMAGE_ARCHIVE_READ: {
    meaning: "An image archive cannot be read, or it was changed while it was in use.",
    remedy: "Check that the file exists and may be read; replace archives by renaming, then add them again.",
  },
} as const satisfies ErrorCatalogue;
