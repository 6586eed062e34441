import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { buildArguments } from "./build.ts";
import { packageDir } from "./package-dir.ts";
import { recipes } from "./recipes.ts";
import { architecture, versions } from "./versions.ts";

const goMod = (module: string) => readFile(join(packageDir(), "go", module, "go.mod"), "utf8");

it.each([
  ["kube", "k8s.io/kubernetes", versions.kubernetes],
  ["kube", "go.etcd.io/etcd/server/v3", versions.etcd],
  ["node", "github.com/containerd/containerd/v2", versions.containerd],
  ["runc", "github.com/opencontainers/runc", versions.runc],
  ["cni", "github.com/containernetworking/plugins", versions.cniPlugins],
  ["coredns", "github.com/coredns/coredns", versions.coredns],
])("go/%s builds %s of the version that is told", async (module, dependency, version) => {
  expect(await goMod(module)).toMatch(new RegExp(`^\\s${dependency} v${version.replaceAll(".", "\\.")}( |$)`, "m"));
});

it("every module is ours, and any Go from 1.21 may fetch what it needs", async () => {
  for (const { module } of recipes(versions.kubernetes, "amd64")) {
    const text = await goMod(module);
    expect(text).toMatch(new RegExp(`^module kx\\.dev/cluster/${module}$`, "m"));
    expect(text).not.toMatch(/^toolchain/m);
  }
});

it("every program comes from one recipe, by a build and, but for our own, by a download", () => {
  const all = recipes(versions.kubernetes, "arm64");
  const names = all.flatMap((recipe) => Object.keys(recipe.provides));
  expect(new Set(names).size).toBe(names.length);
  for (const recipe of all) {
    const provided = Object.values(recipe.provides).toSorted();
    const isLink = (path: string) => recipe.links?.[path] !== undefined;
    const built = [...recipe.steps.map((step) => step.output), ...Object.keys(recipe.links ?? {})];
    expect(built.filter((path) => isLink(path) || recipe.links === undefined).toSorted()).toEqual(provided);
    if (recipe.module === "init" || recipe.module === "pause") continue;
    const fetched = recipe.downloads.flatMap((file) => [file.output ?? [], Object.values(file.members ?? {})].flat());
    expect(fetched.toSorted()).toEqual(provided);
    expect(recipe.downloads.every(({ url }) => url.includes("arm64") && url.startsWith("https://"))).toBe(true);
  }
});

it("runc is linked statically where libseccomp can be", () => {
  const step = recipes(versions.kubernetes, "amd64").find(({ name }) => name === "runc")?.steps[0];
  if (step === undefined) throw new Error("no runc");
  const flags = ["build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-tags"];
  const linked = ["-ldflags", "-s -w -extldflags -static", "-o", "/out"];
  expect(buildArguments(step, true, "/out")).toEqual([...flags, "seccomp netgo osusergo", ...linked]);
  expect(buildArguments(step, false, "/out")).toEqual([...flags, "seccomp", "-ldflags", "-s -w", "-o", "/out"]);
});

it("refuses systems that there are no binaries for", () => {
  expect(architecture("linux", "arm64")).toBe("arm64");
  expect(() => architecture("darwin", "arm64")).toThrow("KX_CLUSTER_PLATFORM");
  expect(() => architecture("linux", "riscv64")).toThrow("KX_CLUSTER_PLATFORM");
});
