import { type Clock, KxError, type Logger } from "@kx/core";
import type { CniCommand } from "@kx/core/contracts/cni";
import type { CniPlugin } from "../plugin/cni-plugin.ts";
import type { DecodedConfigs } from "../plugin/config.ts";
import { readCommand } from "../plugin/environment.ts";
import { toCniError } from "../plugin/failure.ts";
import { type CniOutcome, handleCniCall } from "../plugin/handle-call.ts";
import { newestVersion } from "../plugin/results.ts";
import { attachmentOf, withAttachmentLock } from "./attachment-lock.ts";
import type { CniRequest } from "./frame.ts";
import type { StateFolder } from "./state-folder.ts";
import { easedStatus } from "./status-policy.ts";

/** A call waits at most so long for another one of the same interface: as long as host-local for its leases. */
const lockWaitMs = 30_000;

/** What calls are carried out with, by the daemon and by an executed plug-in alike. */
export interface Carrier {
  readonly plugins: Readonly<Record<string, CniPlugin>>;
  readonly state: StateFolder;
  readonly log: Logger;
  readonly clock: Clock;
  /** Why a command is not carried out. Default: all are. */
  readonly refusal?: (command: CniCommand | undefined) => KxError | undefined;
  /** Default: each call decodes its configuration. */
  readonly configs?: DecodedConfigs;
}

/** One call, and who asked for it. */
export interface Carried {
  readonly request: CniRequest;
  /** Aborts when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  /** Gives the answer to who asked. False if he is gone: an ADD is taken back then. */
  readonly deliver: (outcome: CarriedOutcome) => Promise<boolean>;
}

/** What a call came to. */
export interface CarriedOutcome extends CniOutcome {
  /** STATUS has failed, but the network's policy is to be ready all the same. */
  readonly isEased?: true;
}

/** Carries a call out, alone for its attachment, and delivers the outcome. Never throws. */
export async function carryOut(carrier: Carrier, { request, signal, deliver }: Carried): Promise<CarriedOutcome> {
  const { clock, state } = carrier;
  const attachment = attachmentOf(request.type, request.env);
  const work = async () => {
    const outcome = await handle(carrier, request, signal);
    const isTaken = await deliver(outcome);
    if (!isTaken && outcome.exitCode === 0) await takeBack(carrier, request);
    return outcome;
  };
  if (attachment === undefined) return await work();
  let isStarted = false;
  try {
    return await withAttachmentLock(state.locks, attachment, { signal, clock, waitMs: lockWaitMs }, () => {
      isStarted = true;
      return work();
    });
  } catch (error) {
    if (isStarted) throw error;
    const outcome = failed(error);
    await deliver(outcome);
    return outcome;
  }
}

async function handle(carrier: Carrier, request: CniRequest, signal: AbortSignal): Promise<CarriedOutcome> {
  const { plugins, log, clock, state, configs } = carrier;
  const plugin = Object.hasOwn(plugins, request.type) ? plugins[request.type] : undefined;
  if (plugin === undefined) return failed(unknownType(request.type, Object.keys(plugins)));
  const command = readCommand(request.env);
  const refusal = carrier.refusal?.(command);
  const services = { log, clock, signal, plugins, ...(configs && { configs }) };
  const outcome = refusal === undefined ? await handleCniCall(plugin, request, services) : failed(refusal);
  return command === "STATUS" ? easedStatus(request, outcome, state.ready) : outcome;
}

/** Takes an ADD back whose result nobody has read. */
async function takeBack(carrier: Carrier, request: CniRequest): Promise<void> {
  if (readCommand(request.env) !== "ADD") return;
  const undoing = { ...request, env: { ...request.env, CNI_COMMAND: "DEL" } };
  const { error } = await handle(carrier, undoing, new AbortController().signal);
  const fields = { type: request.type, containerId: request.env["CNI_CONTAINERID"] };
  if (error === undefined) carrier.log.info(fields, "attachment taken back, as nobody waited for it");
  else carrier.log.error({ ...fields, err: error }, "attachment that nobody waited for cannot be taken back");
}

function failed(thrown: unknown): CarriedOutcome {
  const error = KxError.from(thrown);
  return {
    exitCode: 1,
    stdout: `${JSON.stringify(toCniError(error, newestVersion))}\n`,
    stderr: "",
    timings: [],
    error,
  };
}

function unknownType(type: string, known: readonly string[]): KxError {
  return new KxError("KX_CNI_PLUGIN_MISSING", `there is no plug-in ${JSON.stringify(type)} of kx`, {
    remedy: `there are ${known.join(", ")}`,
    details: { type },
  });
}
