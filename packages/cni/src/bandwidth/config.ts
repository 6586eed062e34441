import { KxError, type Schema } from "@kx/core";
import { miniSchema } from "@kx/core/config";
import type { Bandwidth, PluginConfig } from "@kx/core/contracts/cni";
import * as z from "zod/mini";
import type { RateLimit } from "./data-path.ts";

/**
 * The fields of kx-bandwidth: limits for all containers of the network, as these see them; rates in bits per second, bursts
 * in bits. Without any, those of the runtime count, by the capability `bandwidth`.
 */
export interface BandwidthConfig extends Bandwidth {}

const bits = z.exactOptional(z.int().check(z.nonnegative()));

// Not loose: a field that is not known here must not come in the place of what the kit made of it.
export const bandwidthConfig: Schema<BandwidthConfig> = miniSchema(
  z.object({ ingressRate: bits, ingressBurst: bits, egressRate: bits, egressBurst: bits }),
);

/** What is limited, and how. */
export interface Limits {
  readonly ingress?: RateLimit;
  readonly egress?: RateLimit;
}

const bitsPerByte = 8;
const greatestBurst = 2 ** 32 - 1;
/**
 * Kubernetes' annotations have no burst, but plug-ins want one: runtimes then send the greatest number of some type, such
 * as containerd 2^32 - 1. Taken for a burst it would let the first hundreds of megabytes through without limit.
 */
const noBurstBits = 2 ** 31 - 1;
/** The burst in its place: what passes in a tenth of a second, and at least the largest packet. */
const defaultBurstSeconds = 0.1;
const largestPacketBits = 65_536 * bitsPerByte;

/**
 * The limits of a configuration.
 *
 * @throws KxError `KX_CNI_CONFIG`, with all that is wrong.
 */
export function readLimits(config: PluginConfig & BandwidthConfig): Limits {
  const { ingressRate, ingressBurst, egressRate, egressBurst } = config;
  const isOwn = [ingressRate, ingressBurst, egressRate, egressBurst].some((value) => value !== undefined);
  const given: Bandwidth = isOwn ? config : (config.runtimeConfig?.bandwidth ?? {});
  const place = isOwn ? "" : "runtimeConfig.bandwidth.";
  const burstOf = (rate = 0, burst = 0) => (isOwn || burst < noBurstBits ? burst : defaultBurst(rate));
  const ingressBits = burstOf(given.ingressRate, given.ingressBurst);
  const egressBits = burstOf(given.egressRate, given.egressBurst);
  const problems = [
    ...problemsOf(`${place}ingress`, given.ingressRate, ingressBits),
    ...problemsOf(`${place}egress`, given.egressRate, egressBits),
  ];
  if (problems.length > 0) throw new KxError("KX_CNI_CONFIG", `the configuration is wrong: ${problems.join("; ")}`);
  return {
    ...limitOf("ingress", given.ingressRate, ingressBits),
    ...limitOf("egress", given.egressRate, egressBits),
  };
}

function defaultBurst(rate: number): number {
  return Math.max(Math.ceil(rate * defaultBurstSeconds), largestPacketBits);
}

function problemsOf(place: string, rate = 0, burst = 0): readonly string[] {
  return [
    ...(rate !== 0 && burst === 0 ? [`${place}Burst is needed with ${place}Rate`] : []),
    ...(rate === 0 && burst !== 0 ? [`${place}Rate is needed with ${place}Burst`] : []),
    ...(rate !== 0 && rate < bitsPerByte ? [`${place}Rate must be 8 bits per second or more`] : []),
    ...(burst !== 0 && burst < bitsPerByte ? [`${place}Burst must be 8 bits or more`] : []),
    ...(burst / bitsPerByte >= greatestBurst
      ? [`${place}Burst must be less than 4 GiB, which is 34359738360 bits`]
      : []),
  ];
}

function limitOf(direction: keyof Limits, rate = 0, burst = 0): Limits {
  if (rate === 0) return {};
  const [bytesPerSecond, burstBytes] = [Math.trunc(rate / bitsPerByte), Math.trunc(burst / bitsPerByte)];
  return { [direction]: { bytesPerSecond, burstBytes } };
}
