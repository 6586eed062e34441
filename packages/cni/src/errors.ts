import type { ErrorCatalogue } from "@kx/core";

/** Every error code that @kx/cni throws. */
export const cniErrors = {
  KX_CNI_DEFINITION: {
    meaning: "A plug-in's definition is wrong. This is a fault in the program.",
    remedy: "Correct the field that the message names.",
  },
  KX_CNI_VERSION: {
    meaning: "The plug-in does not know the configuration's version, or that version lacks the command. CNI code 1.",
    remedy: "Set `cniVersion` to a version that `VERSION` lists; CHECK needs 0.4.0, GC and STATUS need 1.1.0.",
  },
  KX_CNI_UNSUPPORTED: {
    meaning: "A field of the configuration asks for something that the plug-in or this kernel cannot do. CNI code 2.",
    remedy: "Change the field that the message names.",
  },
  KX_CNI_UNKNOWN_CONTAINER: {
    meaning: "The container does not exist, so there is nothing to clean up. CNI code 3.",
    remedy: "Check the container's id.",
  },
  KX_CNI_ENVIRONMENT: {
    meaning: "Environment variables of a CNI call are missing or wrong; the message names all of them. CNI code 4.",
    remedy: "Correct the runtime that calls the plug-in, or set the variables when calling it by hand.",
  },
  KX_CNI_IO: {
    meaning: "Reading or writing failed. CNI code 5.",
    remedy: "Read the message; check permissions and free space.",
  },
  KX_CNI_DECODING: {
    meaning: "The configuration on standard input is no JSON object, or too large. CNI code 6.",
    remedy: "Correct the network's configuration file.",
  },
  KX_CNI_CONFIG: {
    meaning: "The network's configuration is wrong; the message names each field. CNI code 7.",
    remedy: "Correct the fields in the network's configuration file.",
  },
  KX_CNI_NETNS: {
    meaning: "CNI_NETNS is no network namespace, or the plug-in's own. CNI code 8.",
    remedy: "Give the path of the container's namespace; CNI_NETNS_OVERRIDE=1 lets the plug-in's own through.",
  },
  KX_CNI_TRY_AGAIN: {
    meaning: "It cannot be done now, but may be later. CNI code 11.",
    remedy: "Call again.",
  },
  KX_CNI_CANCELLED: {
    meaning: "The caller stopped waiting, so the call was given up and what it had made was taken back. CNI code 11.",
    remedy: "Call again, with more time if that was the reason.",
  },
  KX_CNI_NOT_AVAILABLE: {
    meaning: "STATUS: an ADD would fail. CNI code 50.",
    remedy: "Bring about what the message asks for.",
  },
  KX_CNI_LIMITED_CONNECTIVITY: {
    meaning: "STATUS: an ADD would fail, and running containers may have lost their network. CNI code 51.",
    remedy: "Bring about what the message asks for.",
  },
  KX_CNI_PLUGIN: {
    meaning: "A plug-in failed with a code of its own; the error's details hold it.",
    remedy: "Look the code up in the plug-in's documentation.",
  },
  KX_CNI_PLUGIN_MISSING: {
    meaning: "A configuration names a plug-in of which no executable is in CNI_PATH.",
    remedy: "Install the plug-in into one of the folders that the message names, or correct its `type`.",
  },
  KX_CNI_RESULT: {
    meaning: "A plug-in gave something that is no CNI result. This is a fault in that plug-in.",
    remedy: "Correct the plug-in that the message names.",
  },
  KX_CNI_POOL_EXHAUSTED: {
    meaning:
      "Every address of a range set is taken; the message names the ranges and their size. CNI code 11, of STATUS 50.",
    remedy: "Delete containers, widen the range, or run GC if their containers are gone.",
  },
  KX_CNI_ADDRESS_TAKEN: {
    meaning: "The address that was asked for belongs to another container.",
    remedy: "Ask for another address, or delete the container that has it.",
  },
  KX_CNI_LEASE_EXISTS: {
    meaning: "The container's interface has an address already: it was added before and not deleted.",
    remedy: "Delete the attachment before it is added again.",
  },
  KX_CNI_LEASE_MISSING: {
    meaning: "CHECK: the container's interface has not the address that ADD gave it.",
    remedy: "Delete the attachment and add it again.",
  },
  KX_CNI_LEASES_LOCKED: {
    meaning: "Another process held the lock on a network's leases for too long. CNI code 11.",
    remedy: "Look for a plug-in that hangs, such as with `fuser` on the file that the message names.",
  },
  KX_CNI_NETLINK: {
    meaning: "The kernel refused a change of links, addresses, routes or nftables; details hold the error's name.",
    remedy:
      "Read what was attempted and the kernel's reason. For EPERM, run as root; for EOPNOTSUPP, the kernel lacks it.",
  },
  KX_CNI_NETLINK_MESSAGE: {
    meaning:
      "A netlink message cannot be read or written. This is a fault in the program, or a kernel that it does not know.",
    remedy: "Report it with the message and the kernel's version.",
  },
  KX_CNI_PROGRAM: {
    meaning:
      "A program that the configuration asks for, such as those of iptables, is missing, hangs, or refused what it was told.",
    remedy: "Install the program, or correct what the message names; nftables, the default, needs no program.",
  },
  KX_CNI_INTERFACE: {
    meaning: "The container has an interface of that name already.",
    remedy: "Delete the attachment first, or choose another interface name.",
  },
  KX_CNI_HOST_PORT: {
    meaning: "A port of the node that is asked for leads to another container already, which the message names.",
    remedy: "Delete that container, or ask for another port or another address of the node.",
  },
  KX_CNI_BRIDGE: {
    meaning: "The bridge cannot be used: its name is another kind of link's, or it has another address.",
    remedy: "Choose another `bridge`, or set `forceAddress` to replace the address.",
  },
  KX_CNI_DUPLICATE_ADDRESS: {
    meaning: "Another host on the link has the same IPv6 address, or the kernel did not finish asking in time.",
    remedy: "Free the address, or correct the ranges of address management.",
  },
  KX_CNI_CHECK: {
    meaning: "CHECK: the attachment is not as ADD left it; the message names each difference.",
    remedy: "Delete the pod, so that it is made anew; find out what changed its network.",
  },
  KX_CNI_SYSCTL: {
    meaning: "A setting of the kernel cannot be read or written.",
    remedy: "Look at the file that the message names; the kernel may lack IPv6, or /proc/sys be read-only.",
  },
  KX_CNI_FRAME: {
    meaning: "What came over the daemon's socket is no call. This is a fault in the shim, or something else connected.",
    remedy: "Install shim and daemon of the same version; let nothing else connect to the socket.",
  },
  KX_CNI_HOST: {
    meaning: "The pod network runs in a host that does not give it what it needs.",
    remedy: "Run it in kx's node agent, which is told its node's name.",
  },
  KX_CNI_INSTALL: {
    meaning: "The plug-ins cannot be installed on this node.",
    remedy: "Do what the message says, and install again.",
  },
  KX_CNI_IN_USE: {
    meaning: "The plug-ins cannot be uninstalled, as containers are attached by them; the message names those.",
    remedy: "Delete the pods first; `--drain-later` keeps DEL until they are gone, `--force` takes their network away.",
  },
  KX_CNI_DRAINING: {
    meaning: "The plug-ins are being uninstalled and attach nothing any more. CNI code 11.",
    remedy: "Wait for the node's last attachment to go, or install the plug-ins again.",
  },
  KX_CNI_TESTING: {
    meaning: "A program or a plug-in that a test runs failed or hung, or a test was asked for what it cannot do.",
    remedy: "Read the message, which holds what the program printed.",
  },
  KX_CNI_CONFORMANCE: {
    meaning: "A plug-in does not do what a case of the conformance suite asks for.",
    remedy: "Correct the plug-in; the message tells what it answered, and the case's title what it must.",
  },
  KX_CNI_NETWORK_MISSING: {
    meaning: "No configuration file of a folder describes the network that was named.",
    remedy: "Check the name and the folder; the message tells which networks and which broken files are there.",
  },
  KX_CNI_TARGET: {
    meaning: "A runtime was asked to attach something whose names CNI does not allow.",
    remedy: "Use a container id of letters, digits and _ . - and an interface's name of at most 15 bytes.",
  },
  KX_CNI_GC: {
    meaning: "Not everything that is out of use could be taken away; the message tells each failure.",
    remedy: "Mend what the message tells; the next GC tries again.",
  },
} as const satisfies ErrorCatalogue;
