// `kx cni` as users call it, with the example's plug-in and without a cluster.
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startKx } from "../e2e/run-kx.ts";

const example = join(import.meta.dirname, "../../../../examples/cni-plugin/main.ts");
const netns = "/proc/self/ns/net";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "kx-cni-"));
  for (const name of ["bin", "net.d"]) await mkdir(join(folder, name));
  const file = join(folder, "bin/register");
  await writeFile(file, `#!/bin/sh\nexec "${process.execPath}" "${example}"\n`);
  await chmod(file, 0o755);
  const plugins = [{ type: "register", folder: join(folder, "register") }];
  await writeFile(join(folder, "net.d/10-net.conflist"), JSON.stringify({ cniVersion: "1.1.0", name: "net", plugins }));
});
afterEach(() => rm(folder, { recursive: true }));

/** Runs `kx cni ...` with the variables of cnitool. */
function cni(args: readonly string[], more: Readonly<Record<string, string>> = {}) {
  const variables = {
    NETCONFPATH: join(folder, "net.d"),
    CNI_PATH: join(folder, "bin"),
    CNI_IFNAME: "net1",
    // The test's own namespace plays the container's.
    CNI_NETNS_OVERRIDE: "1",
    KX_CNI_LOG: "error",
  };
  return startKx(folder, ["cni", ...args], { ...process.env, ...variables, ...more }).ended;
}
const cached = () => ["--cache-dir", join(folder, "cache")];
const registered = () => readdir(join(folder, "register"));
const json = (stdout: string): unknown => JSON.parse(stdout);

describe("kx cni", () => {
  it("adds, checks, collects and deletes", async () => {
    const added = await cni(["add", "net", netns, ...cached()]);
    expect(added).toMatchObject({ code: 0, stdout: "the plug-ins gave an empty result\n" });
    const [entry = ""] = await registered();
    expect(entry).toMatch(/^net cnitool-[0-9a-f]{20} net1$/);

    const containerId = entry.split(" ")[1];
    const checked = await cni(["check", "net", netns, ...cached(), "-o", "json"]);
    expect(json(checked.stdout)).toEqual({ network: "net", containerId, ifName: "net1", netns, checked: true });
    expect((await cni(["gc", "net", "--valid", `${containerId}/net1`, ...cached()])).code).toBe(0);
    expect(await registered()).toEqual([entry]);

    expect(await cni(["del", "net", netns, ...cached()])).toMatchObject({
      code: 0,
      stdout: `net1 of ${containerId} is deleted\n`,
    });
    expect(await registered()).toEqual([]);
    const unknown = await cni(["check", "net", netns, ...cached()]);
    expect(unknown).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/no result of an ADD.*\nremedy: add it first: kx cni add/),
    });

    await cni(["add", "net", netns, ...cached()]);
    expect((await cni(["gc", "net", "--all", ...cached()])).code).toBe(0);
    expect(await registered()).toEqual([]);
  }, 120_000);

  it("tells a failed ADD with what to do", async () => {
    await writeFile(join(folder, "register"), "in the way");
    const failed = await cni(["add", "net", netns, ...cached()]);
    expect(failed.code).toBe(1);
    expect(failed.stderr).toMatch(/error: \[KX_CNI_PLUGIN\] plug-in register failed ADD: .*EEXIST/);
    expect(failed.stderr).toContain(`remedy: take back what was done before that: kx cni del net ${netns}`);
    expect(await cni(["status", "net"])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("cannot be written to"),
    });
  }, 120_000);

  it("tells status, versions, and what is valid", async () => {
    expect(await cni(["status", "net"])).toMatchObject({ code: 0, stdout: "net: ready\n" });
    const version = await cni(["version", "register"]);
    expect(version.stdout).toMatch(/^PLUGIN +VERSIONS\nregister +0\.1\.0, .*1\.1\.0\n$/);
    expect(json((await cni(["validate", "-o", "json"])).stdout)).toMatchObject([
      { network: "net", version: "1.1.0", plugins: ["register"], capabilities: [] },
    ]);
    await writeFile(
      join(folder, "net.d/20-other.conflist"),
      JSON.stringify({ name: "b", plugins: [{ type: "none" }] }),
    );
    const invalid = await cni(["validate"]);
    expect(invalid).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/net .* ok\nb +0\.1\.0 +none .*no plug-in "none"/),
    });
  }, 120_000);

  it("names networks and flags that are wrong", async () => {
    expect(await cni(["add", "nett", netns])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/KX_CNI_NETWORK_MISSING.*nett.*\nremedy: it holds net/),
    });
    expect(await cni(["add", "net", netns], { CAP_ARGS: "5" })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("CAP_ARGS is no JSON object"),
    });
    expect((await cni(["ad", "net", netns])).code).toBe(2);
    expect(await cni(["conformance", "nothing", "--config", "x"])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("there is no plug-in"),
    });
  }, 120_000);

  it("prints the report of the conformance suite, and 1 if a case fails", async () => {
    const config = join(folder, "net.d/10-net.conflist");
    const args = ["conformance", "register", "--config", config, "--role", "chained", "--only", "P1", "P4", "P7"];
    const sound = await cni(args);
    expect(sound.stderr).toBe("");
    expect(sound).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("✓ input that is no JSON fails with code 6"),
    });
    expect(sound.stdout).toMatch(/7 cases: 7 passed, 0 failed, 0 not applicable\n$/);

    // Without the plug-ins before it, the example is none that makes an interface.
    const options = join(folder, "options.json");
    await writeFile(options, JSON.stringify({ exempt: { P8: "told not to be" } }));
    const other = ["conformance", "register", "--config", config, "--role", "addresses", "--options", options];
    const broken = await cni([...other, "--only", "P6.addresses-alone", "P8", "-o", "json"]);
    expect(broken.code).toBe(1);
    expect(json(broken.stdout)).toMatchObject({
      role: "addresses",
      isConformant: false,
      counts: { passed: 0, failed: 1, "not-applicable": 1 },
      cases: [
        { id: "P6.addresses-alone", outcome: "failed", reason: "the result has no address" },
        { id: "P8.existing-interface", outcome: "not-applicable", reason: "told not to be" },
      ],
    });
    await writeFile(options, JSON.stringify({ exemt: {} }));
    expect((await cni(other)).stderr).toContain("remedy: did you mean exempt?");
  }, 180_000);
});
