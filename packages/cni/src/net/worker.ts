// The worker that does all work on the kernel's network, and nothing else.
import { serveWorkerCalls } from "@kx/core/linux";
import { netHandlers } from "./handlers.ts";

serveWorkerCalls(netHandlers);
