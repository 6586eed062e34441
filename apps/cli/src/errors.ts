import type { ErrorCatalogue } from "@kx/core";

/** Every error code of the kx command itself. */
export const cliErrors = {
  KX_CLI_PREREQUISITE: {
    meaning: "This machine lacks something that the command needs.",
    remedy: "Run `kx doctor --fix` as root; the message names what is missing.",
  },
  KX_CLI_DIFFERENT: {
    meaning: "A cluster is running in the folder, but not as the flags of `kx up` ask for.",
    remedy: "Leave the flags out to use it as it is, stop it with `kx down`, or name another folder with `--dir`.",
  },
  KX_CLI_EXTENSIONS: {
    meaning: "The controller manager cannot load or run the extensions that its configuration names.",
    remedy: "The message names the package, its place in the file, and what is wrong; correct that and try again.",
  },
  KX_CLI_STARTING: {
    meaning: "A cluster is being started in the folder by another command.",
    remedy: "Wait for that command, or stop the start with `kx down`.",
  },
  KX_CLI_SUPERVISOR: {
    meaning: "The process that owns the cluster ended without a word, or cannot be ended.",
    remedy: "Read its log, which the message names; `kx down` cleans up what it left.",
  },
  KX_CLI_INTERRUPTED: {
    meaning: "A start was interrupted; what it had made was removed.",
    remedy: "Run `kx up` again.",
  },
  KX_CLI_COMPONENT: {
    meaning: "The cluster has no process of that name.",
    remedy: "The message lists the names.",
  },
  KX_CLI_KUBECTL: {
    meaning: "A kubectl that kx ran failed.",
    remedy: "The message carries kubectl's words.",
  },
  KX_CLI_APPLY: {
    meaning: "An object to be applied has no name, or is of a kind that the API server does not have.",
    remedy: "Install the CRD of that kind first, or correct the manifest.",
  },
  KX_CLI_CNI: {
    meaning: "A flag, a variable or a file of `kx cni` holds what cannot be used.",
    remedy: "Correct what the message names; `kx cni --help` shows examples.",
  },
  KX_CLI_CSI: {
    meaning: "A flag or a file of `kx csi` holds what cannot be used.",
    remedy: "Correct what the message names; `kx csi --help` shows examples.",
  },
  KX_CLI_DEMO: {
    meaning: "The demo did not see what it waits for.",
    remedy: "The message shows the state of the pods and their events; `kx logs controller-manager` shows more.",
  },
} as const satisfies ErrorCatalogue;
