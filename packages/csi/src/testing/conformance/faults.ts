import { KxError } from "@kx/core";
import { fail } from "./failure.ts";
import type { Scope } from "./scope.ts";

/** How faults are brought about in a driver's process and its storage, by who runs it. */
export interface DriverFaults {
  /** Ends the driver's process at once, as SIGKILL does; resolves when it is gone. */
  readonly kill: () => Promise<void>;
  /** Starts it again on the same state and the same endpoint. */
  readonly start: () => Promise<void>;
  /** Takes all room of its storage, until what it gives is disposed of. Absent: the case of a full disk does not apply. */
  readonly fill?: () => Promise<AsyncDisposable>;
  /** Makes its storage slow, until what it gives is disposed of. Absent: slow answers come by short deadlines alone. */
  readonly slow?: () => Promise<AsyncDisposable>;
}

/** After how many milliseconds of a call the driver is killed, one after the other. */
const killedAfterMs = [0, 1, 3, 10, 40] as const;

/** Kills the driver in the midst of a call, at several moments; `check` is given the next one, on a driver that is up again. */
export async function killDuring(
  scope: Scope,
  begin: (round: number) => Promise<unknown>,
  check: (round: number) => Promise<void>,
): Promise<void> {
  const faults = faultsOf(scope);
  for (const [round, ms] of killedAfterMs.entries()) {
    // How it ends does not matter: most often its caller is told that the driver is gone.
    const ended = begin(round).then(
      () => {},
      () => {},
    );
    if (ms > 0) await new Promise((resolve) => void setTimeout(resolve, ms));
    await faults.kill();
    await ended;
    await faults.start();
    await reachable(scope);
    await check(round);
  }
}

/** Kills the driver while it has nothing to do. */
export async function restart(scope: Scope): Promise<void> {
  const faults = faultsOf(scope);
  await faults.kill();
  await faults.start();
  await reachable(scope);
}

/** The handles; cases that use them are not run without. */
export function faultsOf({ lab }: Scope): DriverFaults {
  const { faults } = lab.options;
  if (faults === undefined) throw new KxError("KX_CSI_TESTING", "there are no handles for faults");
  return faults;
}

const reachableWithinMs = 30_000;

/** Waits until calls reach the driver again: connections come back by themselves, each in its time. */
async function reachable({ calls, has }: Scope): Promise<void> {
  const deadline = Date.now() + reachableWithinMs;
  const asked = [
    () => calls.identity.probe({}),
    ...(has("plugin CONTROLLER_SERVICE") ? [() => calls.controller.controllerGetCapabilities({})] : []),
    ...(has("node") ? [() => calls.node.nodeGetInfo({})] : []),
  ];
  for (const call of asked) {
    for (;;) {
      try {
        await call();
        break;
      } catch (error) {
        if (Date.now() > deadline)
          fail(`30 s after its restart the driver does not answer: ${KxError.from(error).reason}`);
        await new Promise((resolve) => void setTimeout(resolve, 50));
      }
    }
  }
}
