import { expect, it } from "vitest";
import { cgroupLayout, isStaticElf, type Machine, programPackages } from "./machine.ts";
import { debianGo, judge, prerequisites } from "./prerequisites.ts";

const complete: Machine = {
  platform: "linux",
  arch: "x64",
  kernel: "6.1.0",
  uid: 0,
  node: "v24.21.0",
  osRelease: 'ID=debian\nVERSION_ID="13"\n',
  apt: true,
  programs: Object.fromEntries(Object.keys(programPackages).map((name) => [name, `/usr/bin/${name}`])),
  staticBusybox: true,
  overlay: true,
  cgroups: "v2",
  toolchain: { go: { path: "/usr/bin/go", version: "1.26.8" }, cgoMissing: [], staticSeccomp: true },
  certificates: true,
  binaries: false,
  freeBytes: 20 * 2 ** 30,
};
const lacking = (machine: Partial<Machine>) => judge({ ...complete, ...machine }).filter(({ ok }) => !ok);

it("a complete machine lacks nothing", () => {
  expect(lacking({})).toEqual([]);
  expect(judge(complete).every(({ remedy, fix }) => remedy === "" && fix === undefined)).toBe(true);
});

it.each<[string, Partial<Machine>, string, string[] | undefined]>([
  ["another system", { platform: "darwin" }, "control-plane", undefined],
  ["an old Node.js", { node: "v20.20.2" }, "control-plane", undefined],
  ["no overlay", { overlay: false }, "cluster", undefined],
  ["no control groups", { cgroups: undefined }, "cluster", undefined],
  ["no namespaces", { namespaceProblem: "unshare failed: Operation not permitted" }, "cluster", undefined],
  ["no nftables in the kernel", { nftProblem: "Error: Could not process rule" }, "cluster", undefined],
  ["no IPv6", { ipv6Problem: "RTNETLINK answers: Permission denied" }, "dual-stack", undefined],
  ["no static busybox", { staticBusybox: false }, "cluster", ["busybox-static"]],
  ["no certificates", { certificates: false }, "build", ["ca-certificates"]],
  ["no Go", { toolchain: { cgoMissing: [], staticSeccomp: true } }, "build", ["golang-go"]],
  ["a small disk", { freeBytes: 2 ** 30 }, "build", undefined],
])("%s is found", (_, machine, neededFor, packages) => {
  expect(lacking(machine).map((row) => [row.neededFor, row.fix?.packages])).toEqual([[neededFor, packages]]);
  expect(lacking(machine)[0]?.remedy).not.toBe("");
});

it("each missing program names its package", () => {
  const { nft: _, ...programs } = complete.programs;
  const rows = lacking({ programs });
  expect(rows.flatMap(({ fix }) => fix?.packages ?? [])).toEqual(["nftables"]);
  const packages = lacking({ programs: {} }).flatMap(({ fix }) => fix?.packages ?? []);
  expect(new Set(packages)).toEqual(new Set(Object.values(programPackages)));
});

it("what only a build needs is not asked for once everything is built", () => {
  const toolchain = { cgoMissing: ["gcc", "pkg-config"], staticSeccomp: false };
  expect(lacking({ toolchain }).flatMap(({ fix }) => fix?.packages ?? [])).toEqual(
    "golang-go gcc libc6-dev pkg-config libseccomp-dev".split(" "),
  );
  expect(lacking({ toolchain, certificates: false, binaries: true, freeBytes: 2 * 2 ** 30 })).toEqual([]);
});

it("an ordinary user lacks only what nodes need", () => {
  expect(new Set(lacking({ uid: 1000 }).map(({ neededFor }) => neededFor))).toEqual(new Set(["cluster", "dual-stack"]));
});

it.each([
  ["debian", "12", undefined],
  ["debian", "13", "golang-go"],
  ["ubuntu", "22.04", undefined],
  ["ubuntu", "24.04", "golang-go"],
  ["ubuntu", "26.04", "golang-go"],
  ["fedora", "43", undefined],
])("the Go of %s %s is %s", (id, version, expected) => {
  expect(debianGo(`NAME="x"\nID=${id}\nVERSION_ID="${version}"\n`)).toBe(expected);
  expect(debianGo("")).toBeUndefined();
});

it("control group layouts are told apart", () => {
  const mount = (at: string, type: string, options: string) =>
    `30 24 0:26 / ${at} rw,nosuid - ${type} ${type} ${options}`;
  const v2 = mount("/sys/fs/cgroup", "cgroup2", "rw,nsdelegate");
  const memory = mount("/sys/fs/cgroup/memory", "cgroup", "rw,memory");
  const systemd = mount("/sys/fs/cgroup/systemd", "cgroup", "rw,name=systemd");
  const unified = mount("/sys/fs/cgroup/unified", "cgroup2", "rw");
  expect(cgroupLayout(v2)).toBe("v2");
  expect(cgroupLayout([memory, systemd].join("\n"))).toBe("v1");
  expect(cgroupLayout([memory, systemd, unified].join("\n"))).toBe("hybrid");
  expect(cgroupLayout([systemd, mount("/mnt/cgroup", "cgroup2", "rw")].join("\n"))).toBeUndefined();
  expect(cgroupLayout("")).toBeUndefined();
});

it("a program that needs a loader is not static", () => {
  const elf = (types: readonly number[]) => {
    const file = Buffer.alloc(64 + 56 * types.length);
    file.writeUInt32BE(0x7f454c46, 0);
    file.writeBigUInt64LE(64n, 32);
    file.writeUInt16LE(56, 54);
    file.writeUInt16LE(types.length, 56);
    for (const [i, type] of types.entries()) file.writeUInt32LE(type, 64 + 56 * i);
    return file;
  };
  expect(isStaticElf(elf([1, 1, 4]))).toBe(true);
  expect(isStaticElf(elf([6, 3, 1]))).toBe(false);
  expect(isStaticElf(Buffer.from("#!/bin/sh\n".padEnd(80)))).toBe(false);
  expect(isStaticElf(Buffer.alloc(0))).toBe(false);
});

it("this machine can be looked at without anything in PATH", async () => {
  const rows = await prerequisites({ PATH: "", HOME: "/nonexistent" });
  expect(rows.find(({ name }) => name.startsWith("Linux"))?.ok).toBe(true);
});
