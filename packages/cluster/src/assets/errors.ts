import type { ErrorCatalogue } from "@kx/core";

/** Errors of obtaining and checking the programs that a cluster is made of, and of the machine's prerequisites. */
export const assetErrors = {
  KX_CLUSTER_PLATFORM: {
    meaning: "There are no Kubernetes binaries for this operating system or processor.",
    remedy: "Use Linux on x64 or arm64.",
  },
  KX_CLUSTER_ASSET_UNKNOWN: {
    meaning: "A program was asked for that kx does not provide, or that this set of programs does not hold.",
    remedy: "Pass its name to ensureAssets; the message lists the names there are.",
  },
  KX_CLUSTER_ASSETS_DIR: {
    meaning: "The folder named by KX_ASSETS does not hold a program that is needed, or is not readable.",
    remedy: "Put the named files there (bin/, cni/ and pause, as in the cache folder), or unset KX_ASSETS.",
  },
  KX_CLUSTER_ASSETS_UNAVAILABLE: {
    meaning: "A program is neither cached, nor can it be downloaded or built on this machine; the message says why.",
    remedy: "Install Go 1.21 or newer, so that it is built, or set KX_ASSETS to a folder that holds the binaries.",
  },
  KX_CLUSTER_ASSET_UNSAFE: {
    meaning: "A program does not have the checksum it was stored with, or others than its owner may change it.",
    remedy: "Find out who changed it; then remove the named folder, and it is made again.",
  },
  KX_CLUSTER_BUILD_FAILED: {
    meaning: "The Go toolchain could not build a program; the message ends with the last lines of its log.",
    remedy: "Read the log it names. The build needs a Go module proxy and about 10 GB of disk.",
  },
  KX_CLUSTER_DISK_FULL: {
    meaning: "The disk became full while programs were downloaded, built or copied. Nothing half-made was left.",
    remedy: "Free some space (a cold build needs about 10 GB: `go clean -cache` removes Go's own cache) and try again.",
  },
  KX_CLUSTER_DOWNLOAD_FAILED: {
    meaning: "A release file could not be downloaded. What has arrived is kept and continued by the next try.",
    remedy: "Check the network and its proxy (NODE_USE_ENV_PROXY=1 makes Node honour HTTPS_PROXY), and try again.",
  },
  KX_CLUSTER_DOWNLOAD_CHECKSUM: {
    meaning: "A downloaded file does not have the checksum in assets.lock.json. It was removed.",
    remedy: "Try again; if it stays so, the file was changed at its source or on the way: do not use it.",
  },
  KX_CLUSTER_ASSETS_LOCK: {
    meaning: "The lock of the cache folder could not be taken.",
    remedy: "Install util-linux (its flock is used), and check that the cache folder is writable.",
  },
  KX_CLUSTER_CACHE: {
    meaning: "The cache folder cannot be written.",
    remedy: "Set XDG_CACHE_HOME to a folder of your own, or correct the folder's owner.",
  },
  KX_CLUSTER_PREREQUISITE: {
    meaning: "Something is missing on this machine that kx cannot install by itself here.",
    remedy: "Run the command in the message; `kx doctor` lists everything.",
  },
  KX_CLUSTER_INSTALL_FAILED: {
    meaning: "The package manager could not install what is missing; the message ends with what it printed.",
    remedy: "Run the command in the message yourself and follow what it says.",
  },
} as const satisfies ErrorCatalogue;
