import { type Prerequisite, prerequisites } from "@kx/cluster";
import { KxError } from "@kx/core";

/** What is to be started; each needs what those before it need, too. */
export type Wanted = "control-plane" | "cluster" | "dual-stack";

const kinds = ["control-plane", "cluster", "dual-stack"] as const;

/** What concerns something that is to be started. Pure. */
export function concerning(found: readonly Prerequisite[], wanted: Wanted): readonly Prerequisite[] {
  const needed = kinds.slice(0, kinds.indexOf(wanted) + 1);
  return found.filter(({ neededFor }) => neededFor === "build" || needed.includes(neededFor));
}

/** What of that is missing. Pure. */
export function missing(found: readonly Prerequisite[], wanted: Wanted): readonly Prerequisite[] {
  return concerning(found, wanted).filter(({ ok }) => !ok);
}

/** Throws KX_CLI_PREREQUISITE, naming each thing that is missing and its remedy. */
export async function requirePrerequisites(wanted: Wanted): Promise<void> {
  const lacking = missing(await prerequisites(), wanted);
  if (lacking.length === 0) return;
  const noRoot = wanted !== "control-plane" && lacking.some(({ name }) => name === "root");
  // Without root much cannot even be tried: only what is known to be missing is named then.
  const known = noRoot ? lacking.filter(({ name, fix }) => name === "root" || fix !== undefined) : lacking;
  const lines = known.map(({ name, found, remedy }) => `\n  ${name}: ${found}; ${remedy}`).join("");
  throw new KxError("KX_CLI_PREREQUISITE", `this machine lacks what a cluster needs:${lines}\n`, {
    remedy: noRoot
      ? "without root only `kx up --control-plane-only` works; see also `kx doctor`"
      : "`kx doctor --fix` installs the packages that help",
  });
}
