import type { ErrorCatalogue } from "@kx/core";
import { assetErrors } from "./assets/errors.ts";
import { imageErrors } from "./images/errors.ts";
import { leakErrors } from "./testing/errors.ts";

/** Every error code that @kx/cluster throws. */
export const clusterErrors = {
  KX_CLUSTER_RUNNING: {
    meaning: "The state folder belongs to a cluster that is running.",
    remedy: "Use that cluster, stop it with `kx down`, or name another folder with `--dir`.",
  },
  KX_CLUSTER_NOT_RUNNING: {
    meaning: "No running cluster owns the state folder.",
    remedy: "Start one with `kx up`, or name its folder with `--dir`.",
  },
  KX_CLUSTER_DIR: {
    meaning: "The state folder cannot be used: its path is too long, it holds other files, or it is not writable.",
    remedy: "Name a short path of an empty or new folder with `--dir`.",
  },
  KX_CLUSTER_HOST: {
    meaning: "This machine lacks something that a cluster needs: root, a program, or a kernel feature.",
    remedy: "`kx doctor` lists every prerequisite with its remedy.",
  },
  KX_CLUSTER_OPTION: {
    meaning: "An option's value is out of range or contradicts another.",
    remedy: "The message names the option and what it takes.",
  },
  KX_CLUSTER_PROCESS: {
    meaning: "A process of the cluster ended although it should run.",
    remedy: "The message shows the end of its log; `kx logs <component>` shows all of it.",
  },
  KX_CLUSTER_TIMEOUT: {
    meaning: "A part of the cluster did not become ready in time.",
    remedy: "The message names the part and the log that tells why.",
  },
  KX_CLUSTER_API: {
    meaning: "The API server answered a request of the cluster's own with an error.",
    remedy: "The message carries the API server's words.",
  },
  KX_CLUSTER_KUBECTL: {
    meaning: "A kubectl that the cluster ran for its caller failed.",
    remedy: "The message carries kubectl's words.",
  },
  ...assetErrors,
  ...imageErrors,
  ...leakErrors,
} as const satisfies ErrorCatalogue;
