import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { appendFile, chmod, mkdir, readdir, readFile, readlink, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { KxError } from "@kx/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type AssetFixture, assetFixture, printed, until } from "../../test/support/asset-fixture.ts";
import type { Progress } from "../types.ts";
import { recipes } from "./recipes.ts";
import { architecture, versions } from "./versions.ts";

let fixture: AssetFixture;
beforeEach(async () => {
  fixture = await assetFixture();
});
afterEach(() => fixture[Symbol.asyncDispose]());

const arch = architecture();
const storeDir = () => join(fixture.cacheDir, `${versions.kubernetes}-linux-${arch}`);
const namesIn = (folder: string) => readdir(join(storeDir(), folder)).catch((): string[] => []);
const code = (promise: Promise<unknown>) =>
  promise.then(
    () => "nothing thrown",
    (error: unknown) => (KxError.is(error) ? error.code : String(error)),
  );

describe("a build", () => {
  it("gives every program of a cluster, and nothing optional", async () => {
    const assets = await fixture.ensure();
    expect(assets.version).toBe(versions.kubernetes);
    expect((await readdir(join(assets.dir, "bin"))).toSorted()).toEqual(
      "containerd containerd-shim-runc-v2 ctr etcd kube-apiserver kube-controller-manager kube-proxy kube-scheduler kubectl kubelet kx-init kx-kube runc".split(
        " ",
      ),
    );
    expect((await readdir(join(assets.dir, "cni"))).toSorted()).toEqual([
      "bridge",
      "host-local",
      "loopback",
      "portmap",
    ]);
    expect(await readlink(assets.path("kubelet"))).toBe("kx-kube");
    expect(assets.path("pause")).toBe(join(assets.dir, "pause"));
    expect(() => assets.path("coredns")).toThrow("KX_CLUSTER_ASSET_UNKNOWN");
    expect(await readFile(assets.path("runc"), "utf8")).toContain("cgo 1");
    await assets.verify();
    for (const path of [assets.dir, join(assets.dir, "bin"), assets.path("pause")]) {
      expect((await stat(path)).mode & 0o777).toBe(0o755);
    }
  });

  it("happens once, and again only for the module that changed", async () => {
    const first = await fixture.ensure();
    const before = await fixture.built();
    expect((await fixture.ensure()).dir).toBe(first.dir);
    expect(await fixture.built()).toEqual(before);

    await appendFile(join(fixture.packageRoot, "go/pause/main.go"), "// changed\n");
    const second = await fixture.ensure();
    expect((await fixture.built()).slice(before.length)).toEqual(["pause"]);
    expect(second.dir).not.toBe(first.dir);
    await first.verify();
    await second.verify();
  });

  it("of optional programs happens when they are named", async () => {
    const assets = await fixture.ensure({ names: ["coredns", "ptp"] });
    expect(await fixture.built()).toEqual(["ptp", "bandwidth", "firewall", "tuning", "coredns"]);
    await assets.verify("coredns", "ptp");
    expect(await code(fixture.ensure({ names: ["cordens"] }))).toBe("KX_CLUSTER_ASSET_UNKNOWN");
  });

  it("happens once for processes that ask at the same time", async () => {
    const children = [fixture.ensureInChild(["pause", "bridge"]), fixture.ensureInChild(["pause", "bridge"])];
    const [one, two] = await Promise.all(children.map(printed));
    expect(one).toBe(two);
    expect((await fixture.built()).toSorted()).toEqual(["bridge", "host-local", "loopback", "pause", "portmap"]);
  });

  it("that is killed leaves no half-made folder, no process, and no lock", async () => {
    const fifo = join(fixture.dir, "diary.fifo");
    execFileSync("mkfifo", [fifo]);
    fixture.env["FAKE_GO_HANG"] = "loopback";
    const child = fixture.ensureInChild(["pause", "bridge"]);
    const end = printed(child);
    const pidFile = join(fixture.dir, "diary.pid");
    await until(async () => (await readFile(pidFile, "utf8").catch(() => "")).endsWith("\n"));
    child.kill("SIGKILL");
    await end;
    const pid = (await readFile(pidFile, "utf8")).trim();
    // Dead is enough: its entry may stay until PID 1 has time for it.
    await until(async () => /^State:\s+Z/m.test(await readFile(`/proc/${pid}/status`, "utf8").catch(() => "State: Z")));
    expect(await namesIn("sets")).toEqual([]);
    expect((await namesIn("units")).map((name) => name.split("-")[0])).toEqual(["pause"]);

    delete fixture.env["FAKE_GO_HANG"];
    const before = await fixture.built();
    await (await fixture.ensure({ names: ["pause", "bridge"] })).verify();
    expect((await fixture.built()).slice(before.length)).toEqual(["bridge", "host-local", "loopback", "portmap"]);
    expect(await namesIn("tmp")).toEqual([]);
  });

  it("that fails ends with the last lines of the log and keeps the whole", async () => {
    fixture.env["FAKE_GO_FAIL"] = "main.go:1: undefined: nonsense";
    const error = await fixture.ensure({ names: ["pause"] }).catch((thrown: unknown) => thrown);
    if (!KxError.is(error)) throw error;
    expect(error.code).toBe("KX_CLUSTER_BUILD_FAILED");
    expect(error.reason).toContain("undefined: nonsense");
    expect(await readFile(String(error.details["log"]), "utf8")).toContain("# first line");
    expect(await namesIn("units")).toEqual([]);
    expect(await namesIn("tmp")).toEqual([]);
  });

  it.each([
    ["compile: writing output: write $WORK/b001/_pkg_.a: no space left on device", "KX_CLUSTER_DISK_FULL", "GOCACHE"],
    [
      "go: go.mod requires go >= 1.26.0 (running go 1.22.1; GOTOOLCHAIN=local)",
      "KX_CLUSTER_BUILD_FAILED",
      "GOTOOLCHAIN",
    ],
    ["dial tcp: lookup proxy.example: no such host", "KX_CLUSTER_BUILD_FAILED", "GOPROXY"],
  ])("that fails with %j says what to do", async (line, expected, remedy) => {
    fixture.env["FAKE_GO_FAIL"] = line;
    const error = await fixture.ensure({ names: ["pause"] }).catch((thrown: unknown) => thrown);
    expect(KxError.is(error) && [error.code, error.remedy?.includes(remedy)]).toEqual([expected, true]);
  });

  it("lets an older Go fetch the toolchain that go.mod names, unless the user forbade it", async () => {
    const text = await readFile(join(fixture.dir, "bin/go"), "utf8");
    await writeFile(join(fixture.dir, "bin/go"), text.replace("go1.26.8", "go1.22.1"));
    const assets = await fixture.ensure({ names: ["bridge", "pause"] });
    expect(await readFile(assets.path("bridge"), "utf8")).toContain("toolchain auto");
    expect(await readFile(assets.path("pause"), "utf8")).toContain("toolchain unset");
    fixture.env["GOTOOLCHAIN"] = "local";
    const other = await fixture.ensure({ names: ["runc"] });
    expect(await readFile(other.path("runc"), "utf8")).toContain("toolchain local");
  });

  it("stops when it is aborted", async () => {
    const controller = new AbortController();
    const onProgress = ({ step, state }: Progress) => {
      if (step === "building loopback" && state === "started") controller.abort(new Error("enough"));
    };
    await expect(fixture.ensure({ names: ["bridge"], signal: controller.signal, onProgress })).rejects.toThrow(
      "enough",
    );
    expect(await namesIn("units")).toEqual([]);
    expect(await namesIn("tmp")).toEqual([]);
  });
});

describe("without what a build needs", () => {
  it("every program is named, with both ways out, before anything is built", async () => {
    await fixture.removeProgram("go");
    const error = await fixture.ensure().catch((thrown: unknown) => thrown);
    if (!KxError.is(error)) throw error;
    expect(error.code).toBe("KX_CLUSTER_ASSETS_UNAVAILABLE");
    for (const text of ["kubelet", "runc", "kx-init", "bridge", "no Go 1.21 or newer", "install Go", "KX_ASSETS"]) {
      expect(error.message).toContain(text);
    }
    expect(await namesIn("units")).toEqual([]);
  });

  it("a Go that is too old is named", async () => {
    await fixture.program("go", "echo go version go1.19.8 linux/amd64");
    await expect(fixture.ensure({ names: ["pause"] })).rejects.toThrow("Go 1.19.8 is too old");
  });

  it("runc is the system's where there is no compiler, and built as soon as there is one", async () => {
    await fixture.removeProgram("gcc");
    await expect(fixture.ensure({ names: ["runc"] })).rejects.toThrow("missing for the build: gcc");
    await fixture.program("runc", "the system's");
    const taken = await fixture.ensure({ names: ["runc"] });
    expect(await readFile(taken.path("runc"), "utf8")).toContain("the system's");
    await fixture.program("gcc", "");
    const built = await fixture.ensure({ names: ["runc"] });
    expect(await readFile(built.path("runc"), "utf8")).toContain("cgo 1");
  });

  it("another Kubernetes is refused", async () => {
    await expect(fixture.ensure({ kubernetesVersion: "v1.36.0" })).rejects.toThrow(
      `only Kubernetes ${versions.kubernetes} can be built`,
    );
  });
});

describe("releases", () => {
  const runcFile = recipes(versions.kubernetes, arch).find(({ name }) => name === "runc")?.downloads[0]?.url ?? "";
  const content = "runc as released";

  async function releaseHost(
    status: number,
    sum: string,
  ): Promise<{ fetchBase: string; asked: string[] } & Disposable> {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url ?? "");
      response.writeHead(status).end(content);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const table = { [versions.kubernetes]: { [`linux-${arch}`]: { [runcFile]: sum } } };
    await writeFile(join(fixture.packageRoot, "assets.lock.json"), JSON.stringify(table));
    return { fetchBase: `http://127.0.0.1:${port}`, asked, [Symbol.dispose]: () => server.close() };
  }
  const right = createHash("sha256").update(content).digest("hex");

  it("go before a build", async () => {
    using host = await releaseHost(200, right);
    const assets = await fixture.ensure({ names: ["runc"], fetchBase: host.fetchBase });
    expect(await readFile(assets.path("runc"), "utf8")).toBe(content);
    expect(host.asked).toEqual([`/${runcFile.slice("https://".length)}`]);
    expect(await fixture.built()).toEqual([]);
    expect(await namesIn("downloads")).toEqual([]);
    await assets.verify("runc");
  });

  it("that cannot be fetched are built", async () => {
    using host = await releaseHost(404, right);
    await fixture.ensure({ names: ["runc"], fetchBase: host.fetchBase });
    expect(await fixture.built()).toEqual(["runc"]);
  });

  it("that can neither be fetched nor built are reported with both reasons", async () => {
    using host = await releaseHost(404, right);
    await fixture.removeProgram("go");
    const error = await fixture.ensure({ names: ["runc"], fetchBase: host.fetchBase }).catch(String);
    expect(error).toMatch(/KX_CLUSTER_ASSETS_UNAVAILABLE.*HTTP 404.*no Go/);
  });

  it("with a wrong checksum are refused, not built", async () => {
    using host = await releaseHost(200, right.replaceAll(/[0-9]/g, "0"));
    expect(await code(fixture.ensure({ names: ["runc"], fetchBase: host.fetchBase }))).toBe(
      "KX_CLUSTER_DOWNLOAD_CHECKSUM",
    );
    expect(await fixture.built()).toEqual([]);
    expect(await namesIn("downloads")).toEqual([]);
  });
});

describe("KX_ASSETS", () => {
  it("goes before everything else, and must hold what is needed", async () => {
    const given = join(fixture.dir, "given");
    await mkdir(join(given, "bin"), { recursive: true });
    fixture.env["KX_ASSETS"] = given;
    await expect(fixture.ensure({ names: ["runc"] })).rejects.toThrow("lacks bin/runc");
    await writeFile(join(given, "bin/runc"), "mine", { mode: 0o755 });
    const assets = await fixture.ensure({ names: ["runc"] });
    expect(assets.path("runc")).toBe(join(given, "bin/runc"));
    await assets.verify();
    expect(await fixture.built()).toEqual([]);
  });

  it("may be a set of the cache, whose version and checksums then count", async () => {
    const set = await fixture.ensure({ names: ["pause"] });
    fixture.env["KX_ASSETS"] = set.dir;
    const assets = await fixture.ensure({ names: ["pause"] });
    await assets.verify();
    await expect(fixture.ensure({ names: ["pause"], kubernetesVersion: "1.30.0" })).rejects.toThrow(
      "asked for was 1.30.0",
    );
    await writeFile(assets.path("pause"), (await readFile(assets.path("pause"), "utf8")).replace("program", "pragram"));
    expect(await code(assets.verify("pause"))).toBe("KX_CLUSTER_ASSET_UNSAFE");
  });
});

describe("a program that was changed", () => {
  it("is not run, and made again once its folder is gone", async () => {
    const assets = await fixture.ensure({ names: ["pause", "bridge"] });
    const text = await readFile(assets.path("bridge"), "utf8");
    await writeFile(assets.path("bridge"), text.replace("program", "pragram"));
    expect(await code(assets.verify())).toBe("KX_CLUSTER_ASSET_UNSAFE");
    await assets.verify("pause");
    await rm(assets.dir, { recursive: true });
    const before = await fixture.built();
    const again = await fixture.ensure({ names: ["pause", "bridge"] });
    await again.verify();
    expect((await fixture.built()).slice(before.length)).toEqual(["bridge", "host-local", "loopback", "portmap"]);
  });

  it("in size is noticed without a check", async () => {
    const assets = await fixture.ensure({ names: ["pause"] });
    await appendFile(assets.path("pause"), "more");
    await (await fixture.ensure({ names: ["pause"] })).verify();
    expect(await fixture.built()).toEqual(["pause", "pause"]);
  });

  it.runIf(process.getuid?.() === 0)("by permission only is not run by root", async () => {
    const assets = await fixture.ensure({ names: ["pause"] });
    await chmod(assets.path("pause"), 0o757);
    await expect(assets.verify()).rejects.toThrow("others may write it (mode 757)");
  });

  it.runIf(process.getuid?.() !== 0)("cannot be made in a folder of somebody else", async () => {
    await expect(fixture.ensure({ names: ["pause"], cacheDir: "/proc/kx" })).rejects.toThrow("KX_CLUSTER_CACHE");
  });
});
