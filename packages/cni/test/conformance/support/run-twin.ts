import type { CniPlugin } from "@kx/cni";
import { handleCniCall } from "@kx/cni";
import { type CallPlugin, type ConformanceOptions, conformance } from "@kx/cni/testing";
import { collectingLogger } from "@kx/core/testing";
import { expect } from "vitest";
import type { Twin } from "./twins.ts";

/** What both a plug-in and its twins are tested with. */
export type TwinOptions = Omit<ConformanceOptions, "plugin" | "plugins" | "executable" | "call"> & {
  readonly config: object;
};

/** How a plug-in in this process is called. */
export function callInProcess<Config>(
  plugin: CniPlugin<Config>,
  plugins: Readonly<Record<string, CniPlugin>> = {},
): CallPlugin {
  return (call) => handleCniCall(plugin, call, { log: collectingLogger(), plugins });
}

/** The outcome of cases for a plug-in, by id, with the reason where there is one. */
export async function outcomesOf(
  call: CallPlugin,
  options: TwinOptions,
  only?: readonly string[],
): Promise<Readonly<Record<string, string>>> {
  const { cases } = await conformance({ ...options, call, ...(only === undefined ? {} : { only }) });
  return Object.fromEntries(cases.map(({ id, outcome, reason }) => [id, `${outcome}${reason ? `: ${reason}` : ""}`]));
}

/** Runs a twin's case, which must fail for the right reason. What a case waits for in vain does not come: it waits little. */
export async function expectNoticed(
  { id, broken, says }: Twin,
  healthy: CallPlugin,
  options: TwinOptions,
): Promise<void> {
  const outcomes = await outcomesOf(broken(healthy), { ...options, settleMs: 200 }, [id]);
  expect(outcomes).toEqual({ [id]: expect.stringMatching(/^failed: /) });
  expect(outcomes[id]).toMatch(says);
}
