import type { CallPlugin, PluginAnswer, PluginCall } from "@kx/cni/testing";
import type { CniError, JsonObject } from "@kx/core/contracts/cni";

/** A way to break a plug-in so that a case of the conformance suite must notice. */
export interface Twin {
  /** The case. */
  readonly id: string;
  /** What is wrong with it. */
  readonly wrong: string;
  readonly broken: (healthy: CallPlugin) => CallPlugin;
  /** What the case must say. */
  readonly says: RegExp;
}

export const commandOf = ({ env }: PluginCall): string => env["CNI_COMMAND"] ?? "";
export const configOf = ({ stdin }: PluginCall): JsonObject => JSON.parse(stdin) as JsonObject;
export const attachmentOf = ({ env }: PluginCall): string => `${env["CNI_CONTAINERID"]} ${env["CNI_IFNAME"]}`;

export const done: PluginAnswer = { exitCode: 0, stdout: "", stderr: "" };

export function failed(code: number, msg: string): PluginAnswer {
  const error: CniError = { cniVersion: "1.1.0", code, msg };
  return { exitCode: 1, stdout: JSON.stringify(error), stderr: "" };
}

/** Only calls of one command are other ones. */
export function at(
  command: string,
  act: (call: PluginCall, next: CallPlugin) => PluginAnswer | Promise<PluginAnswer>,
): Twin["broken"] {
  return (next) => async (call) => (commandOf(call) === command ? await act(call, next) : await next(call));
}

/** Other variables or another configuration come to the plug-in than were sent. */
export function sends(
  command: string,
  edit: (call: PluginCall) => { readonly env?: PluginCall["env"]; readonly config?: JsonObject },
): Twin["broken"] {
  return at(command, (call, next) => {
    const { env = call.env, config } = edit(call);
    return next({ env, stdin: config === undefined ? call.stdin : JSON.stringify(config) });
  });
}

/** Another result or error comes back than the plug-in gave. */
export function answers(
  command: string,
  edit: (printed: JsonObject, answer: PluginAnswer) => JsonObject,
): Twin["broken"] {
  return at(command, async (call, next) => {
    const answer = await next(call);
    if (answer.stdout === "") return answer;
    return { ...answer, stdout: JSON.stringify(edit(JSON.parse(answer.stdout) as JsonObject, answer)) };
  });
}

/** A command does nothing, and says that all is well. */
export const skips = (command: string): Twin["broken"] => at(command, () => done);

/** An object without some fields. */
export function without(object: JsonObject, ...keys: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key)));
}
