import type { ErrorCatalogue } from "./error.ts";

/** Every error code that @kx/core throws. */
export const coreErrors = {
  KX_CORE_UNEXPECTED: {
    meaning: "An error that kx did not foresee; its cause carries the original.",
    remedy: "Read the cause. If it comes from kx itself, report it with the log.",
  },
  KX_CONFIG_SCHEMA: {
    meaning: "A program's configuration schema cannot be turned into flags. This is a fault in the program.",
    remedy: "Give a schema that describes itself as a JSON Schema object, each of whose fields makes its own flag.",
  },
  KX_CONFIG_FLAG: {
    meaning: "A command line flag is unknown, lacks its value, or its value has the wrong type.",
    remedy: "Run the program with --help and correct the flag that the message names.",
  },
  KX_CONFIG_ENV: {
    meaning: "An environment variable's value has the wrong type for the setting it stands for.",
    remedy: "Correct or unset the variable that the message names.",
  },
  KX_CONFIG_FILE_UNREADABLE: {
    meaning: "A configuration file cannot be read.",
    remedy: "Check that the path is right and that this user may read the file.",
  },
  KX_CONFIG_FILE_SYNTAX: {
    meaning: "A configuration file is not valid YAML or JSON.",
    remedy: "Correct the file at the line and column that the message names.",
  },
  KX_CONFIG_INVALID: {
    meaning: "A configuration has a key that is not known, lacks one that is required, or holds a value out of range.",
    remedy: "Correct each path that the message names, in the flag, variable or file that it came from.",
  },
  KX_HOST_EXTENSION_NOT_FOUND: {
    meaning: "A package that a host's configuration names cannot be resolved, or does not export that subpath.",
    remedy: "Check the name; install the package beside the configuration file or the host; export it under `default`.",
  },
  KX_HOST_EXTENSION_IMPORT: {
    meaning: "Importing an extension's package threw.",
    remedy: "Read the cause; it comes from the package, or from one that it imports.",
  },
  KX_HOST_EXTENSION_EXPORT: {
    meaning: "The package has no export named `extension`.",
    remedy: "Export what `defineExtension` returns under that name, or name the subpath that does.",
  },
  KX_HOST_EXTENSION_PROTOCOL: {
    meaning: "What the package exports or creates is not an extension of protocol `kx: 1`.",
    remedy: "Make it with `defineExtension` and a `define*` function of @kx packages of this major version.",
  },
  KX_HOST_EXTENSION_OPTIONS: {
    meaning: "The options of an extension are not what its schema asks for.",
    remedy: "Correct each path that the message names, under `options` of that extension in the host's configuration.",
  },
  KX_HOST_EXTENSION_CREATE: {
    meaning: "An extension could not be created from its options.",
    remedy: "Read the cause; it comes from the extension.",
  },
  KX_HOST_EXTENSION_ISOLATION: {
    meaning: "The settings of an extension's own process cannot be met: user, group, capabilities or cgroup.",
    remedy: "Run the host as root on Linux with util-linux, name users and a cgroup that exist, or leave them out.",
  },
  KX_HOST_EXTENSION_TWICE: {
    meaning: "Two extensions of a host have the same name.",
    remedy: "Name each extension once in the host's configuration, or give one another name in its options.",
  },
  KX_HOST_PARTS: {
    meaning: "An extension could not give its runnables for the host's role.",
    remedy:
      "Read the cause; it comes from the extension, or from what the host was not given (a node name, a kubeconfig).",
  },
  KX_HOST_HEALTH_ADDRESS: {
    meaning: "The health endpoint was to listen, unprotected, on an address that others can reach.",
    remedy: "Use 127.0.0.1 or ::1, or give it a certificate and a check of who asks.",
  },
  KX_HOST_HEALTH_LISTEN: {
    meaning: "The health endpoint cannot listen on its address and port.",
    remedy: "Choose another port, or 0 for any free one.",
  },
  KX_HOST_PROCESS_BLOCKED: {
    meaning: "The process of an isolated extension gave no sign of life and was killed. The host starts it again.",
    remedy: "Find the synchronous work that blocks the extension's event loop; move it to a worker.",
  },
  KX_HOST_PROCESS_DRAIN: {
    meaning: "The process of an isolated extension did not stop in time and was killed.",
    remedy: "In the extension, let every `start` end soon after its signal aborts.",
  },
  KX_HOST_PROCESS_ENDED: {
    meaning: "The process of an isolated extension ended although nobody asked it to. The host starts it again.",
    remedy: "Read what it last said, and its lines before; they carry the extension's name.",
  },
  KX_HOST_PROCESS_MEMORY: {
    meaning:
      "The process of an isolated extension held more memory than its limit and was killed. The host starts it again.",
    remedy: "Raise `process.memoryLimitBytes` of the extension in the host's configuration, or find the leak.",
  },
  KX_HOST_RUNNABLE_RETURNED: {
    meaning: "A runnable ended although nobody asked it to stop. The host starts it again.",
    remedy: "In the extension, let `start` resolve only after its signal has aborted.",
  },
  KX_GRPC_CANCELLED: {
    meaning: "The caller cancelled the call, or went away.",
    remedy: "Nothing, if that was meant. A handler may end its work or finish it for the retry.",
  },
  KX_GRPC_UNKNOWN: {
    meaning: "The other side failed and did not say how.",
    remedy: "Read the message and the log of the other side.",
  },
  KX_GRPC_INVALID_ARGUMENT: {
    meaning: "A request is not valid, whatever the state of the server.",
    remedy: "Correct what the message names.",
  },
  KX_GRPC_DEADLINE_EXCEEDED: {
    meaning: "The call's deadline passed before its answer came.",
    remedy:
      "Allow more time, or find out from the server's log what it waited for. What was asked for may have been done.",
  },
  KX_GRPC_NOT_FOUND: {
    meaning: "What the call is about does not exist.",
    remedy: "Check the name or identifier that the message names.",
  },
  KX_GRPC_ALREADY_EXISTS: {
    meaning: "What the call was to create exists, and is different.",
    remedy: "Use what exists, or another name.",
  },
  KX_GRPC_PERMISSION_DENIED: {
    meaning: "The caller may not do that.",
    remedy: "Grant the permission that the message names.",
  },
  KX_GRPC_RESOURCE_EXHAUSTED: {
    meaning: "Something is used up, or a message is larger than allowed (16 MiB by default).",
    remedy: "Free what the message names; for a message, ask for less at once or raise maxMessageBytes on both sides.",
  },
  KX_GRPC_FAILED_PRECONDITION: {
    meaning: "The state of the server or of what the call is about does not allow it.",
    remedy: "Bring about the state that the message names, then call again.",
  },
  KX_GRPC_ABORTED: {
    meaning: "The call collided with another one that is at work on the same thing.",
    remedy: "Call again later.",
  },
  KX_GRPC_OUT_OF_RANGE: {
    meaning: "A value is beyond what there is or what is supported.",
    remedy: "Choose a value within the range that the message names.",
  },
  KX_GRPC_UNIMPLEMENTED: {
    meaning: "The server does not serve that method.",
    remedy: "Check that the server is of a version that has it, and what capabilities it states.",
  },
  KX_GRPC_INTERNAL: {
    meaning: "The server failed in a way that it did not foresee; the reason stands in its log alone.",
    remedy: "Read the server's log at that time.",
  },
  KX_GRPC_UNAVAILABLE: {
    meaning: "No server answers at the socket, it stops, or the connection broke.",
    remedy: "Check that the server runs and that the path is that of its socket; then call again.",
  },
  KX_GRPC_DATA_LOSS: {
    meaning: "Data is lost or damaged beyond repair.",
    remedy: "Read the message and restore from a copy.",
  },
  KX_GRPC_UNAUTHENTICATED: {
    meaning: "The server does not know who calls.",
    remedy: "Give the credentials that the message names.",
  },
  KX_GRPC_HANDLERS: {
    meaning: "A service was added to a gRPC server with a handler that is none of its methods, or twice.",
    remedy: "Correct the name that the message names, or add the service once.",
  },
  KX_GRPC_SOCKET_PATH: {
    meaning: "A path cannot be that of a Unix socket: it is not absolute, or has more than 107 bytes.",
    remedy: "Give a shorter or an absolute path.",
  },
  KX_GRPC_SOCKET_FOLDER: {
    meaning: "The folder of a socket does not exist and cannot be made.",
    remedy: "Make each part of the path a folder that this user may write.",
  },
  KX_GRPC_SOCKET_IN_USE: {
    meaning: "Another process serves the socket, which is left alone.",
    remedy: "Stop that process (`ss -xlp` shows it), or choose another path.",
  },
  KX_GRPC_SOCKET_OCCUPIED: {
    meaning:
      "Something that is not a stale socket stands where a socket is to be: a file, a folder, a link. It is left alone.",
    remedy: "Remove it if it is not needed, or choose another path.",
  },
  KX_GRPC_LISTEN: {
    meaning: "A gRPC server cannot listen at its path or port, for the reason in the message.",
    remedy: "Check that this user may write in the socket's folder and the disk is not full; or choose a free port.",
  },
  KX_GRPC_CERTIFICATE: {
    meaning: "A certificate for a gRPC server, or its key, cannot be used.",
    remedy: "Give a certificate and the key that it was made for, both as PEM.",
  },
  KX_GRPC_STOPPED: {
    meaning: "A gRPC server that was stopped was asked to listen.",
    remedy: "Make a new server.",
  },
  KX_GRPC_CLOSED: {
    meaning: "A gRPC client was used after it had been closed.",
    remedy: "Close a client only after its last call.",
  },
  KX_METRICS_CONFLICT: {
    meaning: "Two metrics of a registry have one name and differ in kind or labels.",
    remedy: "Give one of them another name.",
  },
  KX_METRICS_INVALID: {
    meaning: "A name cannot be that of a metric or of a label.",
    remedy: "Use letters, digits and underscores, and no digit first.",
  },
  KX_LINUX_BENEATH: {
    meaning: "A path was to be opened beneath a folder, and leads out of it or through a symbolic link.",
    remedy: "Look who made the link; kx follows none where others can write.",
  },
  KX_LINUX_CALL_HUNG: {
    meaning:
      "A call on a volume's path (stat, statfs, mount, umount) did not return in time, or one still hangs there.",
    remedy: "See whether the volume's server answers. The call is tried again when its caller asks again.",
  },
  KX_LINUX_MOUNTINFO: {
    meaning: "A line of a mountinfo file is not as the kernel writes it.",
    remedy: "Report it with the line that the message shows.",
  },
  KX_LINUX_MOUNT_OPTIONS: {
    meaning: "The options of a mount cannot be passed to the kernel.",
    remedy: "Correct the option that the message names; all of a file system's own take at most 4095 bytes.",
  },
  KX_LINUX_NETLINK_CLOSED: {
    meaning: "A netlink socket was used after it was closed.",
    remedy: "Correct the program: open another socket.",
  },
  KX_LINUX_NETNS_ASYNC: {
    meaning: "Work in another network namespace was asynchronous, so a part of it ran elsewhere.",
    remedy: "Correct the program: do only synchronous work there.",
  },
  KX_LINUX_SYSCALL: {
    meaning: "A system call failed; the message names the call, its path and the error.",
    remedy: "See the error's name in the call's manual page. EPERM: run it as root, or with the capability it needs.",
  },
  KX_LINUX_UNAVAILABLE: {
    meaning: "System calls of Linux cannot be made: the optional package koffi is missing, or this is not Linux.",
    remedy: "Install koffi 3 beside @kx/core, on Linux.",
  },
  KX_LINUX_WORKER: {
    meaning: "A worker or process that makes system calls ended while it was needed.",
    remedy: "Read the cause or exit code. If it happens again, report it with the log.",
  },
  KX_UNITS_CIDR: {
    meaning: "A text was to be a range of IP addresses and is none.",
    remedy: "Write the range's first address and its prefix length: 10.1.0.0/16, fd00::/64.",
  },
  KX_UNITS_DURATION: {
    meaning: "A text was to be a duration and is none.",
    remedy: "Write numbers with units as Go does: 300ms, 1.5s, 1h30m. A bare number has no unit and is refused.",
  },
  KX_UNITS_IP: {
    meaning: "A text was to be an IP address and is none.",
    remedy: "Write it as 10.1.2.3, without leading zeros, or as fd00::1, without a zone.",
  },
  KX_UNITS_IP_RANGE: {
    meaning: "An address or range was asked for that does not exist, such as the one after the last.",
    remedy: "Correct the program, or choose a larger range.",
  },
  KX_UNITS_QUANTITY: {
    meaning: "A text was to be a Kubernetes quantity and is none.",
    remedy: "Write a number with at most one suffix: n, u, m, k, M, G, T, P, E, Ki to Ei, or an exponent such as e3.",
  },
} as const satisfies ErrorCatalogue;
