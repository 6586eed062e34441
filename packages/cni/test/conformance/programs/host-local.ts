// The executable of kx-host-local, as it runs without a daemon.
import { runCniPlugin } from "@kx/cni";
import { createHostLocal } from "@kx/cni/host-local";

process.exitCode = await runCniPlugin(createHostLocal());
