import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { TestNetns } from "../../src/testing/netns.ts";

export const program = fileURLToPath(new URL("../e2e/programs/traffic.ts", import.meta.url));
const node = process.execPath;

/** Where something listens, or is asked. */
export interface Place {
  readonly transport?: "tcp" | "udp";
  readonly port: number;
}

/** Starts a server in a namespace, which answers with the address that the asker has for it. */
export async function serve(netns: TestNetns, { transport = "tcp", port }: Place): Promise<AsyncDisposable> {
  const args = [`--net=${netns.path}`, node, program, "serve", transport, "", String(port)];
  const child = spawn("nsenter", args, { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "exit");
  const first = await Promise.race([once(child.stdout, "data"), ended]);
  if (!String(first[0]).startsWith("ready")) throw new Error(`the server on port ${port} ended: ${first.join(" ")}`);
  return { [Symbol.asyncDispose]: () => stop(child, ended) };
}

/** Starts several servers, which end together. */
export async function serveAll(...all: readonly (readonly [TestNetns, Place])[]): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  for (const [netns, place] of all) stack.use(await serve(netns, place));
  return stack.move();
}

/** Asks a server; undefined if none has answered within the time, as what is dropped never is. */
export async function ask(
  netns: TestNetns,
  host: string,
  { transport = "tcp", port }: Place,
  timeoutMs = 20_000,
): Promise<string | undefined> {
  try {
    return (await netns.run(node, program, "ask", transport, host, String(port), String(timeoutMs))).trim();
  } catch (error) {
    const { code } = (error as { cause: { code?: unknown } }).cause;
    if (code === 3) return undefined;
    throw error;
  }
}

/** Sends packets of 1000 bytes to an address, where nobody need listen. */
export async function flood(netns: TestNetns, host: string, packets: number): Promise<void> {
  await netns.run(node, program, "flood", "udp", host, "9", String(packets));
}

async function stop(child: ChildProcess, ended: Promise<unknown>): Promise<void> {
  child.kill("SIGKILL");
  await ended;
}
