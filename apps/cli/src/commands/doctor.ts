import { installMissing, type Prerequisite, prerequisites } from "@kx/cluster";
import { clusterDir } from "../cluster-dir.ts";
import { type NetworkWarning, networkWarnings } from "../network-warnings.ts";
import { type Format, format } from "../output.ts";
import { concerning, missing, type Wanted } from "../prerequisites.ts";
import { showProgress } from "../progress.ts";
import { table } from "../table.ts";
import { paint, type Terminal } from "../terminal.ts";

/** Flags of `kx doctor`. */
export interface DoctorOptions {
  readonly fix?: boolean;
  readonly controlPlaneOnly?: boolean;
  readonly dir?: string;
  readonly output?: Format;
}

/**
 * Lists what this machine has and lacks, and with `fix` installs what packages bring; and what the nodes of a cluster that runs
 * warn of. Resolves to the exit code, which warnings do not change.
 */
export async function doctor(options: DoctorOptions, terminal: Terminal, signal: AbortSignal): Promise<number> {
  const wanted = options.controlPlaneOnly ? "control-plane" : "cluster";
  const found = await check(options, wanted, terminal, signal);
  // What only clusters with IPv6 need is told, but no fault.
  const shown = options.controlPlaneOnly ? concerning(found, wanted) : found;
  const lacking = missing(found, wanted);
  const warnings = await networkWarnings(clusterDir(options.dir, terminal.env));
  if (options.output !== undefined) {
    terminal.stdout.write(`${format({ ok: lacking.length === 0, prerequisites: shown, warnings }, options.output)}\n`);
  } else {
    terminal.stdout.write(`${prerequisiteTable(shown, terminal)}\n`);
    if (warnings.length > 0) terminal.stdout.write(`\n${warningTable(warnings)}\n`);
    if (lacking.some(({ fix }) => fix !== undefined)) terminal.stdout.write("\ninstall them: kx doctor --fix\n");
  }
  return lacking.length === 0 ? 0 : 1;
}

async function check(
  { fix }: DoctorOptions,
  wanted: Wanted,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<readonly Prerequisite[]> {
  const found = await prerequisites();
  if (fix !== true) return found;
  return (await mend(missing(found, wanted), terminal, signal)) ? prerequisites() : found;
}

/** Installs the packages that help, named on screen first. Resolves to whether there were any. */
export async function mend(
  lacking: readonly Prerequisite[],
  terminal: Terminal,
  signal: AbortSignal,
): Promise<boolean> {
  const packages = [...new Set(lacking.flatMap(({ fix }) => fix?.packages ?? []))];
  if (packages.length === 0) return false;
  const view = showProgress(terminal);
  try {
    await installMissing(lacking, { onProgress: view.report, signal });
  } finally {
    view.close();
  }
  return true;
}

function warningTable(warnings: readonly NetworkWarning[]): string {
  return table(
    ["node", "warning", "message"],
    warnings.map(({ node, reason, message }) => [node, reason, message]),
  );
}

function prerequisiteTable(shown: readonly Prerequisite[], { stdout, env }: Terminal): string {
  const rows = shown.map(({ ok, name, found, neededFor, remedy }) => [ok ? "✓" : "✗", name, found, neededFor, remedy]);
  return table(["", "prerequisite", "found", "needed for", "remedy"], rows)
    .split("\n")
    .map((line) => line.replace(/^[✓✗]/, (sign) => paint(sign === "✓" ? "green" : "red", sign, stdout, env)))
    .join("\n");
}
