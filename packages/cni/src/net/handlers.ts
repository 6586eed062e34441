import { bridgeAttach, bridgeDetach } from "../bridge/data-path.ts";
import { bridgeCheck } from "../bridge/data-path-check.ts";
import { bridgeUnsettled } from "../bridge/data-path-settle.ts";
import { hostPortsAdd, hostPortsCheck, hostPortsCollect, hostPortsDelete } from "./host-ports.ts";
import { masqueradeCollect } from "./masquerade.ts";
import { upstreamMasqueradeCollect } from "./masquerade-upstream.ts";
import { spoofCheckCollect } from "./spoof-check.ts";

/**
 * All work on the kernel's network: synchronous functions of plain data. They block their thread and change its network
 * namespace for moments, so they run in a thread that does nothing else, or in a program about to end.
 */
export const netHandlers = {
  bridgeAttach,
  bridgeDetach,
  bridgeCheck,
  bridgeUnsettled,
  hostPortsAdd,
  hostPortsCheck,
  hostPortsCollect,
  hostPortsDelete,
  masqueradeCollect,
  upstreamMasqueradeCollect,
  spoofCheckCollect,
} as const;

export type NetHandlers = typeof netHandlers;
