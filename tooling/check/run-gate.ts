import { spawn } from "node:child_process";
import { delimiter, join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { root } from "../workspaces.ts";
import type { Gate, Verdict } from "./gate.ts";

/** Runs a gate's programs until one fails, gathering what they print. */
export async function runGate(gate: Gate): Promise<Verdict> {
  const start = performance.now();
  const output: string[] = [];
  let ok = true;
  for (const command of gate.commands) {
    ok = await runCommand(command, (text) => output.push(text));
    if (!ok) break;
  }
  return { gate, ok, ms: performance.now() - start, output: stripVTControlCharacters(output.join("")).trimEnd() };
}

function runCommand([program, ...args]: readonly string[], print: (text: string) => void): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(program ?? "", args, { cwd: root, env: environment(), stdio: ["ignore", "pipe", "pipe"] });
    child.stdout.setEncoding("utf8").on("data", print);
    child.stderr.setEncoding("utf8").on("data", print);
    child.on("error", (error) => {
      print(`${program}: ${error.message}\n`);
      resolve(false);
    });
    child.on("close", (code, signal) => {
      if (code !== 0) print(`${[program, ...args].join(" ")}: ${signal ?? `exit ${code}`}\n`);
      resolve(code === 0);
    });
  });
}

/** The gates run the tools that the lock pins, the pinned node among them, however the check was started. */
function environment(): NodeJS.ProcessEnv {
  return {
    ...process.env,
    PATH: [join(root, "node_modules", ".bin"), process.env["PATH"]].join(delimiter),
    TURBO_TELEMETRY_DISABLED: "1",
    NO_COLOR: "1",
  };
}
