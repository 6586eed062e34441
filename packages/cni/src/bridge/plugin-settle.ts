import { KxError } from "@kx/core";
import type { NetCalls } from "../net/net-calls.ts";
import type { CniContext } from "../plugin/cni-plugin.ts";
import type { BridgeUnsettled } from "./data-path-settle.ts";

const [waitMs, intervalMs] = [10_000, 20];

/**
 * Waits until an attachment can be used: its host's end is up, and nobody else has its addresses.
 *
 * @throws KxError `KX_CNI_DUPLICATE_ADDRESS`, or `KX_CNI_TRY_AGAIN` if it takes too long.
 */
export async function settle(
  net: NetCalls,
  attachment: BridgeUnsettled & { readonly addresses: readonly { readonly address: string }[] },
  { clock, signal }: Pick<CniContext, "clock" | "signal">,
): Promise<void> {
  const { owner, netns, addresses } = attachment;
  // The address that the kernel gives to each link is nobody's concern.
  const duplicateDetection =
    attachment.duplicateDetection === true && addresses.some(({ address }) => address.includes(":"));
  const deadline = clock.now() + waitMs;
  for (;;) {
    const waitsFor = await net.call("bridgeUnsettled", { owner, netns, duplicateDetection });
    if (waitsFor.length === 0) return;
    if (clock.now() >= deadline) {
      throw new KxError("KX_CNI_TRY_AGAIN", `after ${waitMs} ms ${owner.ifName} is not ready: ${waitsFor.join("; ")}`, {
        retryable: true,
        remedy: "look at the interfaces on the host with `ip link`",
      });
    }
    await clock.sleep(intervalMs, signal);
  }
}
