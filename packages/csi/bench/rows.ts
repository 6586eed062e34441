import type { ClaimFigures } from "./claims.ts";
import type { DriverFigures } from "./driver.ts";
import type { MemoryFigures } from "./memory.ts";

/** The medians for both ways to keep volumes. */
export interface DriverFiguresOf {
  readonly rename: DriverFigures;
  readonly fsync: DriverFigures;
}

/** The Go driver 1.18 as it was measured on two cores; it never flushes. */
const go = {
  probe1: 5185,
  probe32: 26_750,
  pairsEmpty: 630,
  pairsFull: 65,
  cycleMs: 35.5,
  // 547/s for the first 2,000 volumes, 189/s for the others.
  stormAll: 6000 / (2000 / 547 + 4000 / 189),
  listMs: 214,
  pageMs: 1.7,
};

type Row = readonly string[];

const rate = (value: number): string => `${value.toFixed(value < 100 ? 1 : 0)}/s`;
const ms = (value: number): string => `${value.toFixed(value < 10 ? 2 : 0)} ms`;
const mib = (value: number): string => `${value.toFixed(0)} MiB`;
const verdict = (rule: string, isMet: boolean): string => `${rule}: ${isMet ? "met" : "MISSED"}`;
/** Whether a figure is at least so many times that of Go. */
const times = (value: number, least: number, peer: number): string =>
  `${(value / peer).toFixed(2)} x, ${verdict(`≥ ${least} x`, value >= least * peer)}`;
const shareOf = (value: number, most: number, peer: number): string =>
  `${(value / peer).toFixed(2)} x, ${verdict(`≤ ${most} x`, value <= most * peer)}`;

/** The rows of one driver that is called over its socket. */
export function driverRows({ rename, fsync }: DriverFiguresOf, volumes: number): readonly Row[] {
  const both = (key: keyof DriverFigures, show: (value: number) => string): [string, string] => [
    show(rename[key]),
    show(fsync[key]),
  ];
  const decay = ({ stormFirst, stormLast }: DriverFigures) => stormLast / stormFirst;
  const noDecay = verdict("last ≥ 0.8 x first", Math.min(decay(rename), decay(fsync)) >= 0.8);
  const isSmooth = Math.max(rename.othersP99Ms, fsync.othersP99Ms) <= 50;
  const starts = Math.max(rename.startMs, fsync.startMs, rename.startFullMs, fsync.startFullMs);
  return [
    ["start until Probe is ready, empty", "", ...both("startMs", ms), ""],
    [
      `start until Probe is ready, ${volumes} volumes`,
      "",
      ...both("startFullMs", ms),
      verdict("both ≤ 500 ms", starts <= 500),
    ],
    ["Probe, 1 in flight", rate(go.probe1), ...both("probe1", rate), times(rename.probe1, 0.4, go.probe1)],
    ["Probe, 32 in flight", rate(go.probe32), ...both("probe32", rate), times(rename.probe32, 0.4, go.probe32)],
    [
      "create + delete, 1 in flight, empty",
      rate(go.pairsEmpty),
      ...both("pairsEmpty", rate),
      `${times(rename.pairsEmpty, 0.8, go.pairsEmpty)}; fsync ${times(fsync.pairsEmpty, 0.6, go.pairsEmpty)}`,
    ],
    [
      `create + delete, 1 in flight, ${volumes} volumes`,
      rate(go.pairsFull),
      ...both("pairsFull", rate),
      `${times(rename.pairsFull, 6, go.pairsFull)}; fsync ${times(fsync.pairsFull, 5, go.pairsFull)}`,
    ],
    [
      `${volumes} creates, 32 in flight`,
      rate(go.stormAll),
      ...both("stormAll", rate),
      `${times(rename.stormAll, 3, go.stormAll)}; fsync ${(fsync.stormAll / go.stormAll).toFixed(2)} x`,
    ],
    ["the first sixth of them", "547/s", ...both("stormFirst", rate), ""],
    ["the last sixth of them", "189/s", ...both("stormLast", rate), noDecay],
    [
      "stage, publish, stats, unpublish, unstage",
      ms(go.cycleMs),
      ...both("cycleMs", ms),
      shareOf(rename.cycleMs, 0.25, go.cycleMs),
    ],
    [`ListVolumes of ${volumes}`, ms(go.listMs), ...both("listMs", ms), shareOf(rename.listMs, 0.3, go.listMs)],
    ["ListVolumes, a page of 100", ms(go.pageMs), ...both("pageMs", ms), shareOf(rename.pageMs, 1, go.pageMs)],
    [
      "others' calls while 2 GiB are snapshotted, p99",
      "blocked",
      ...both("othersP99Ms", ms),
      verdict("≤ 50 ms", isSmooth),
    ],
    ["how long the snapshot takes", "", ...both("snapshotMs", ms), ""],
    ["memory of the driver's processes after all this", "33 MiB", ...both("memoryMiB", mib), ""],
  ];
}

/** The rows of claims that are bound. */
export function claimRows({ claims, perSecond, cpuMs }: ClaimFigures): readonly Row[] {
  return [
    [`${claims} claims from created to Bound`, "about 4/s", rate(perSecond), "", verdict("≥ 20/s", perSecond >= 20)],
    ["processor time of the driver for one", "", ms(cpuMs / claims), "", ""],
  ];
}

/** The rows of a driver with all its controllers. */
export function memoryRows({ objects, empty, afterAttaching, restarted, later }: MemoryFigures): readonly Row[] {
  const what = `${objects} claims, volumes and attachments`;
  return [
    ["driver with all controllers, empty cluster", "267 MB, 7 processes", mib(empty), "", ""],
    [`the same, ${what}, once it has attached them`, "", mib(afterAttaching), "", ""],
    [`the same, ${what}, after a restart`, "433 MB, 7 processes", mib(restarted), "", ""],
    ["the same, two minutes later", "", mib(later), "", verdict("≤ 150 MiB", Math.max(restarted, later) <= 150)],
  ];
}
