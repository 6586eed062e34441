import { bandwidthAdd, bandwidthCollect, bandwidthDelete, bandwidthProblem } from "../bandwidth/data-path.ts";
import { bandwidthCheck } from "../bandwidth/data-path-check.ts";
import { bridgeAttach, bridgeDetach, bridgeReady, bridgeRetire } from "../bridge/data-path.ts";
import { bridgeCheck } from "../bridge/data-path-check.ts";
import { bridgeUnsettled } from "../bridge/data-path-settle.ts";
import { bridgeProblem } from "../bridge/data-path-status.ts";
import { firewallAdd, firewallCheck, firewallCollect, firewallDelete, requireBridge } from "../firewall/data-path.ts";
import { iptablesFamilies } from "../iptables/find-families.ts";
import { loopbackCheck, loopbackDown, loopbackUp } from "../loopback/data-path.ts";
import { nodeNetworkApply, nodeNetworkRead } from "../node-network/data-path.ts";
import { ptpAttach, ptpCheck } from "../ptp/data-path.ts";
import { tuningApply, tuningCheck, tuningCollect, tuningRestore, tuningUndo } from "../tuning/data-path.ts";
import { attachmentsCollect } from "./collect.ts";
import { hostPortsAdd, hostPortsCheck, hostPortsCollect, hostPortsDelete } from "./host-ports.ts";
import { hostPortsSettle } from "./host-ports-settle.ts";
import { upstreamHostPortsAdd, upstreamHostPortsCheck } from "./host-ports-upstream.ts";
import { masqueradeCollect } from "./masquerade.ts";
import { upstreamMasqueradeCollect } from "./masquerade-upstream.ts";
import { nftablesProblem } from "./nftables-problem.ts";
import { spoofCheckCollect } from "./spoof-check.ts";
import { requireUnattached } from "./veth-pair.ts";

/**
 * All work on the kernel's network: synchronous functions of plain data. They block their thread and change its network
 * namespace for moments, so they run in a thread that does nothing else, or in a program about to end.
 */
export const netHandlers = {
  bridgeReady,
  bridgeAttach,
  bridgeDetach,
  bridgeRetire,
  bridgeCheck,
  bridgeUnsettled,
  bridgeProblem,
  ptpAttach,
  ptpCheck,
  loopbackUp,
  loopbackDown,
  loopbackCheck,
  attachmentsCollect,
  requireUnattached,
  hostPortsAdd,
  hostPortsCheck,
  hostPortsCollect,
  hostPortsDelete,
  hostPortsSettle,
  upstreamHostPortsAdd,
  upstreamHostPortsCheck,
  nftablesProblem,
  iptablesFamilies,
  bandwidthAdd,
  bandwidthCheck,
  bandwidthCollect,
  bandwidthDelete,
  bandwidthProblem,
  firewallAdd,
  firewallCheck,
  firewallCollect,
  firewallDelete,
  requireBridge,
  tuningApply,
  tuningCheck,
  tuningCollect,
  tuningRestore,
  tuningUndo,
  masqueradeCollect,
  upstreamMasqueradeCollect,
  spoofCheckCollect,
  nodeNetworkRead,
  nodeNetworkApply,
} as const;

export type NetHandlers = typeof netHandlers;
