import type { DescMessage } from "@bufbuild/protobuf";
import { KxError } from "@kx/core";
import type { CreateVolumeRequest, CreateVolumeResponse } from "@kx/core/contracts/csi";
import { fitsRange } from "./compatible.ts";
import type { Kit } from "./kit.ts";
import { problemOf } from "./validate-message.ts";

/**
 * Checks what a handler answers by the rules of its message. An answer that lacks what is required is never sent; one that is
 * wrong in other ways is, in production, as its caller may well bear it.
 *
 * @throws KxError `KX_CSI_RESPONSE`.
 */
export function checkResponse(kit: Kit, name: string, output: DescMessage, request: object, response: object): void {
  const problem = problemOf(output, response) ?? ownProblem(kit, name, request, response);
  if (problem === undefined) return;
  if (!kit.isStrict && !problem.endsWith("is missing")) {
    kit.log.warn({ handler: name, problem }, "a handler's answer is not as CSI wants it");
    return;
  }
  throw new KxError("KX_CSI_RESPONSE", `${name} answered what CSI does not allow: ${problem}`, {
    remedy: "correct the handler",
    details: { handler: name, problem },
  });
}

function ownProblem({ features }: Kit, name: string, request: object, response: object): string | undefined {
  if (name !== "createVolume") return undefined;
  const { capacityRange } = request as CreateVolumeRequest;
  const { capacityBytes = 0n, accessibleTopology = [] } = (response as CreateVolumeResponse).volume ?? {};
  if (accessibleTopology.length > 0 && features.topology !== true) {
    return "volume.accessible_topology is set without the feature topology";
  }
  const isWithin = capacityRange === undefined || fitsRange(capacityBytes, capacityRange);
  return isWithin ? undefined : `volume.capacity_bytes ${capacityBytes} is outside of the range that was asked for`;
}
