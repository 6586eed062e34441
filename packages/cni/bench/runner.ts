import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** One call of a plug-in. */
export interface BenchCall {
  readonly program: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string;
}

/** How a call went. */
export interface BenchResult {
  readonly ms: number;
  /** The executed process's. */
  readonly cpuMs: number;
  readonly exitCode: number;
  readonly stdout: string;
}

/** Executes calls as a runtime does. */
export interface Runner extends AsyncDisposable {
  /** Runs calls, some at a time. Gives how each went, and how long all took. */
  run(parallel: number, calls: readonly BenchCall[]): Promise<{ readonly results: BenchResult[]; readonly ms: number }>;
}

/** Builds and starts runner.c, which costs less than Node does for each process. */
export function startRunner(folder: string): Runner {
  const program = join(folder, "runner");
  execFileSync("cc", ["-O1", "-o", program, join(import.meta.dirname, "runner.c")]);
  const child: ChildProcessWithoutNullStreams = spawn(program, { stdio: "pipe" });
  const ended = new Promise((resolve) => child.once("close", resolve));
  child.stderr.pipe(process.stderr);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const nextLine = async () => {
    const { value, done } = await lines.next();
    if (done === true) throw new Error("the runner ended");
    return value;
  };
  const file = (kind: string, index: number) => join(folder, `${kind}.${index}`);
  return {
    async run(parallel, calls) {
      const text = calls.map(({ program: path, env, stdin }, index) => {
        writeFileSync(file("in", index), stdin);
        const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
        return `${[path, file("in", index), file("out", index), ...variables].join("\t")}\n`;
      });
      child.stdin.write(`${parallel} ${calls.length}\n${text.join("")}`);
      const results: BenchResult[] = [];
      for (const index of calls.keys()) {
        const [wall = 0, cpu = 0, exitCode = 0] = (await nextLine()).split(" ").map(Number);
        results.push({
          ms: wall / 1000,
          cpuMs: cpu / 1000,
          exitCode,
          stdout: readFileSync(file("out", index), "utf8"),
        });
      }
      return { results, ms: Number(await nextLine()) / 1000 };
    },
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await ended;
    },
  };
}
