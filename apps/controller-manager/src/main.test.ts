import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const built = fileURLToPath(new URL("../dist/main.js", import.meta.url));

it("runs the foo controller, is not ready without an API server, and stops at a signal", async () => {
  const args = [built, "--health-port=0", "--kubeconfig=/nonexistent/kubeconfig"];
  const child = spawn(process.execPath, args, { env: {}, stdio: ["ignore", "ignore", "pipe"] });
  const exited = once(child, "exit");
  const [first] = await once(createInterface({ input: child.stderr }), "line", { signal: AbortSignal.timeout(15_000) });
  const url = /http:\/\/127\.0\.0\.1:\d+/.exec(String(first))?.[0];
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  const readiness = await fetch(`${url}/readyz`);
  expect(readiness.status).toBe(503);
  expect(await readiness.text()).toMatch(/^foo\//m);
  expect(await (await fetch(`${url}/metrics`)).text()).toMatch(/^process_resident_memory_bytes \d+$/m);
  child.kill("SIGINT");
  expect(await exited).toEqual([0, null]);
});
