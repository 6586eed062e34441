import type { Logger } from "../context.ts";
import { type MetricFamily, withLabel } from "../metrics/families.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { HostedExtension } from "./hosted-extension.ts";
import type { Part } from "./part.ts";

/** An extension, and where its metrics are. */
export interface Measured {
  readonly extension: HostedExtension;
  readonly parts: readonly Part[];
  /** What it was given as `HostEnv.metrics`; undefined if the host shows none. */
  readonly registry: Metrics | undefined;
}

/** All that a host and its extensions measure; that of an extension, or of its process, with the label `extension`. */
export async function collectMetrics(
  own: Metrics | undefined,
  measured: readonly Measured[],
  log: Logger,
): Promise<readonly MetricFamily[]> {
  const each = measured.map(async (one) => {
    const { name } = one.extension;
    try {
      return withLabel(await familiesOf(one), "extension", name);
    } catch (error) {
      // What one does wrong must not hide the others.
      log.warn({ err: error, extension: name }, "metrics of an extension left out");
      return [];
    }
  });
  return [...((await own?.families()) ?? []), ...(await Promise.all(each)).flat()];
}

async function familiesOf({ extension, parts, registry }: Measured): Promise<readonly MetricFamily[]> {
  const inProcess = await Promise.all(parts.map(async (part) => part.child?.metrics() ?? []));
  return [...((await registry?.families()) ?? []), ...(extension.metrics?.() ?? []), ...inProcess.flat()];
}
