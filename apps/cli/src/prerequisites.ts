import { type Prerequisite, prerequisites } from "@kx/cluster";
import { KxError } from "@kx/core";

/** What is missing for a whole cluster, or for a control plane alone. Pure. */
export function missing(found: readonly Prerequisite[], controlPlaneOnly: boolean): readonly Prerequisite[] {
  return found.filter(({ ok, neededFor }) => !ok && !(controlPlaneOnly && neededFor === "cluster"));
}

/** Throws KX_CLI_PREREQUISITE, naming each thing that is missing and its remedy. */
export async function requirePrerequisites(controlPlaneOnly: boolean): Promise<void> {
  const lacking = missing(await prerequisites(), controlPlaneOnly);
  if (lacking.length === 0) return;
  const noRoot = !controlPlaneOnly && lacking.some(({ name }) => name === "root");
  // Without root much cannot even be tried: only what is known to be missing is named then.
  const known = noRoot ? lacking.filter(({ name, fix }) => name === "root" || fix !== undefined) : lacking;
  const lines = known.map(({ name, found, remedy }) => `\n  ${name}: ${found}; ${remedy}`).join("");
  throw new KxError("KX_CLI_PREREQUISITE", `this machine lacks what a cluster needs:${lines}\n`, {
    remedy: noRoot
      ? "without root only `kx up --control-plane-only` works; see also `kx doctor`"
      : "`kx doctor --fix` installs the packages that help",
  });
}
