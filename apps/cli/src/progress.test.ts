import { describe, expect, it } from "vitest";
import { seconds, showProgress, track } from "./progress.ts";
import type { Terminal } from "./terminal.ts";

function fake({ isTTY = false, env = {} }: { isTTY?: boolean; env?: Terminal["env"] } = {}) {
  const written: string[] = [];
  const output = { isTTY, write: (text: string) => written.push(text) };
  const terminal: Terminal = { stdout: output, stderr: output, env };
  return { terminal, text: () => written.join("") };
}

describe("showProgress where there is no terminal", () => {
  it("writes a plain line for each finished step", () => {
    const { terminal, text } = fake();
    const { report, close } = showProgress(terminal);
    report({ step: "starting etcd", state: "started", elapsedMs: 0 });
    report({ step: "starting etcd", state: "done", elapsedMs: 1234 });
    report({ step: "making the nodes", state: "started", elapsedMs: 0 });
    report({ step: "making the nodes", state: "failed", elapsedMs: 50 });
    close();
    expect(text()).toBe("✓ starting etcd  1.2s\n✗ making the nodes  0.1s\n");
  });

  it("tells of a step with a note when it starts", () => {
    const { terminal, text } = fake();
    const { report } = showProgress(terminal);
    report({ step: "building kubelet", state: "started", elapsedMs: 0, note: "takes minutes" });
    expect(text()).toBe("… building kubelet (takes minutes)\n");
  });
});

describe("showProgress on a terminal", () => {
  const escape = "\u001B";

  it("shows the running step and its note in a live line, and goes back to it when another ends", () => {
    const { terminal, text } = fake({ isTTY: true, env: { NO_COLOR: "1" } });
    const { report, close } = showProgress(terminal);
    report({ step: "outer", state: "started", elapsedMs: 0, note: "slow" });
    expect(text()).toContain("outer  0.0s  slow");
    report({ step: "inner", state: "started", elapsedMs: 0 });
    report({ step: "inner", state: "done", elapsedMs: 10 });
    close();
    const [live = "", rest = ""] = text().split("✓ inner  0.0s\n");
    expect(live).toContain("inner  0.0s");
    expect(rest).toMatch(/outer {2}\d/);
    expect(text().endsWith(`\r${escape}[K`)).toBe(true);
    expect(text().replaceAll(`${escape}[K`, "")).not.toContain(escape);
  });

  it("colours its signs unless NO_COLOR says otherwise", () => {
    const { terminal, text } = fake({ isTTY: true });
    const { report, close } = showProgress(terminal);
    report({ step: "x", state: "done", elapsedMs: 0 });
    close();
    expect(text()).toContain(`${escape}[32m✓`);
  });
});

describe("track", () => {
  it("tells of the start and the end, and of a failure without swallowing it", async () => {
    const states: string[] = [];
    const report = ({ step, state }: { step: string; state: string }) => states.push(`${step} ${state}`);
    await expect(track(report, "a", async () => 7)).resolves.toBe(7);
    const failure = new Error("no");
    await expect(track(report, "b", () => Promise.reject(failure))).rejects.toBe(failure);
    expect(states).toEqual(["a started", "a done", "b started", "b failed"]);
  });
});

describe("seconds", () => {
  it.each([
    [0, "0.0s"],
    [99_949, "99.9s"],
    [100_000, "1m40s"],
    [245_400, "4m05s"],
    [119_700, "2m00s"],
  ])("writes %i ms as %s", (ms, text) => {
    expect(seconds(ms)).toBe(text);
  });
});
