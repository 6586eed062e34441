// Our runtime and libcni on one cache: either can end what the other began.
import { execFileSync } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CniRuntime, createCniRuntime, loadNetwork } from "@kx/cni/runtime";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { installExample, installScript } from "../support/executables.ts";
import { goEnvironment, goProgram } from "../support/go-program.ts";

const go = goEnvironment();
if (go === undefined) {
  const told = "the runtime is not compared with libcni: there is no Go to build it with";
  if (process.env["CI"] === "true") throw new Error(told);
  console.error(told);
}

const target = {
  containerId: "cnitool-77",
  ifName: "eth0",
  netns: "/proc/self/ns/net",
  args: { K8S_POD_NAME: "web", IgnoreUnknown: "1" },
  capabilityArgs: { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }], unused: 1 },
};
const attachment = { containerID: target.containerId, ifname: target.ifName };

describe.skipIf(go === undefined)("beside libcni", () => {
  let program: string;
  let folder: string;
  let ours: CniRuntime;

  // The first build compiles libcni.
  beforeAll(() => {
    program = goProgram("libcni", join(import.meta.dirname, "libcni-go"), go ?? {});
  }, 600_000);

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "kx-cni-libcni-"));
    for (const name of ["bin", "net.d", "log"]) await mkdir(join(folder, name));
    await installExample(join(folder, "bin"));
    await installScript(
      join(folder, "bin"),
      "recorder",
      // Each call's input and variables, under a name that tells their order.
      `n=$(ls "${folder}/log" | wc -l); f="${folder}/log/$(printf %02d $n)-$CNI_COMMAND"; cat > "$f"
       [ "$CNI_COMMAND" = VERSION ] && echo '{"cniVersion":"1.1.0","supportedVersions":["0.4.0","1.0.0","1.1.0"]}'
       env | grep ^CNI_ | grep -v CNI_NETNS_OVERRIDE | sort >> "$f"
       [ "$CNI_COMMAND" = ADD ] && echo '{"cniVersion":"1.1.0","interfaces":[{"name":"eth0","sandbox":"'$CNI_NETNS'"}],"ips":[{"address":"10.1.0.2/16","interface":0}]}'
       exit 0`,
    );
    await writeNetwork({});
    const env = { ...process.env, CNI_NETNS_OVERRIDE: "1" };
    ours = createCniRuntime({ path: [join(folder, "bin")], cacheDir: join(folder, "cache"), env });
  });

  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  const writeNetwork = (more: Readonly<Record<string, unknown>>) =>
    writeFile(
      join(folder, "net.d/10-net.conflist"),
      JSON.stringify({
        cniVersion: "1.1.0",
        name: "net",
        plugins: [
          {
            type: "recorder",
            capabilities: { portMappings: true, mac: true, bandwidth: false },
            custom: { deep: [1] },
          },
          { type: "register", folder: join(folder, "register") },
        ],
        ...more,
      }),
    );
  const network = () => loadNetwork(join(folder, "net.d"), "net");
  const theirs = (operation: string, more: Readonly<Record<string, unknown>> = {}): unknown => {
    const input = {
      Operation: operation,
      ConfDir: join(folder, "net.d"),
      Network: "net",
      CacheDir: join(folder, "cache"),
      Path: join(folder, "bin"),
      ContainerID: target.containerId,
      IfName: target.ifName,
      NetNS: target.netns,
      Args: Object.entries(target.args),
      CapabilityArgs: target.capabilityArgs,
      ...more,
    };
    const env = { ...process.env, CNI_NETNS_OVERRIDE: "1" };
    return JSON.parse(execFileSync(program, { input: JSON.stringify(input), env, encoding: "utf8", stdio: "pipe" }));
  };
  const registered = () => readdir(join(folder, "register"));
  const cacheFile = () => join(folder, "cache/results/net-cnitool-77-eth0");
  const cached = async () => JSON.parse(await readFile(cacheFile(), "utf8")) as Record<string, unknown>;
  const calls = async () => {
    const names = (await readdir(join(folder, "log"))).toSorted();
    return await Promise.all(
      names.map(async (name) => {
        const [config = "", ...variables] = (await readFile(join(folder, "log", name), "utf8")).split("\n");
        const [json, first] = splitInput(config);
        return {
          command: name.slice(3),
          config: JSON.parse(json) as unknown,
          variables: [first, ...variables].filter(Boolean),
        };
      }),
    );
  };
  const forget = () => rm(join(folder, "log"), { recursive: true }).then(() => mkdir(join(folder, "log")));

  it("writes the same cache file and calls plug-ins with the same input", async () => {
    const result = await ours.add(await network(), target);
    const [ourFile, ourCalls, { mode }] = [await cached(), await calls(), await stat(cacheFile())];
    await ours.del(await network(), target);
    await forget();
    const theirResult = theirs("add");
    const theirFile = await cached();
    expect(theirFile).toEqual(ourFile);
    expect(Object.keys(theirFile)).toHaveLength(9);
    expect(mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, "cache/results"))).mode & 0o777).toBe(0o700);
    expect(await calls()).toEqual(ourCalls);
    expect(ourCalls[0]?.config).toMatchObject({ runtimeConfig: { portMappings: [{ hostPort: 8080 }] } });
    expect(result).toEqual(theirResult);
  });

  it("checks and deletes what libcni added, with the values of that ADD", async () => {
    theirs("add");
    await forget();
    const { containerId, ifName } = target;
    await ours.check(await network(), { containerId, ifName });
    expect(await ours.attachments()).toMatchObject([{ ...target, networkName: "net" }]);
    await ours.del(await network(), { containerId, ifName });
    const seen = await calls();
    expect(seen.map(({ command }) => command)).toEqual(["CHECK", "DEL"]);
    for (const { config, variables } of seen) {
      expect(config).toMatchObject({
        prevResult: { cniVersion: "1.1.0", ips: [{ address: "10.1.0.2/16", interface: 0 }] },
        runtimeConfig: { portMappings: target.capabilityArgs.portMappings },
      });
      expect(variables).toContain("CNI_ARGS=K8S_POD_NAME=web;IgnoreUnknown=1");
      expect(variables).toContain(`CNI_NETNS=${target.netns}`);
    }
    expect(await registered()).toEqual([]);
    expect(theirs("attachments")).toEqual([]);
  });

  it("leaves what libcni checks, lists and deletes", async () => {
    await ours.add(await network(), target);
    await forget();
    theirs("check");
    expect(theirs("attachments")).toMatchObject([
      {
        ContainerID: target.containerId,
        Network: "net",
        IfName: "eth0",
        NetNS: target.netns,
        CniArgs: Object.entries(target.args),
      },
    ]);
    theirs("del");
    expect((await calls()).map(({ command }) => command)).toEqual(["CHECK", "DEL"]);
    expect(await registered()).toEqual([]);
    expect(await ours.attachments()).toEqual([]);
  });

  it.each(["0.4.0", "1.0.0"])("exchanges attachments of version %s", async (cniVersion) => {
    await writeNetwork({ cniVersion });
    theirs("add");
    const theirFile = await cached();
    await ours.check(await network(), target);
    await ours.del(await network(), target);
    await ours.add(await network(), target);
    const { dns: _dns, ...result } = theirFile["result"] as Record<string, unknown>;
    expect(await cached()).toEqual({ ...theirFile, result });
    theirs("check");
    theirs("del");
    expect(await registered()).toEqual([]);
  });

  it("collects the same garbage, with the same input", async () => {
    const other = { ...target, containerId: "other" };
    const gcBy = async (collect: () => unknown) => {
      for (const one of [target, other]) await ours.add(await network(), one);
      await forget();
      await collect();
      return { calls: await calls(), registered: await registered() };
    };
    const byUs = await gcBy(async () => ours.gc(await network(), [attachment]));
    expect(byUs.registered).toEqual(["net cnitool-77 eth0"]);
    expect(byUs.calls.map(({ command }) => command)).toEqual(["DEL", "GC"]);
    await ours.gc(await network(), []);
    const byThem = await gcBy(() => theirs("gc", { Valid: [attachment] }));
    expect(byThem).toEqual(byUs);
  });

  it("asks for the same status, capabilities and versions", async () => {
    await mkdir(join(folder, "register"));
    await ours.status(await network());
    const status = await calls();
    await forget();
    theirs("status");
    expect(await calls()).toEqual(status);
    expect((theirs("validate") as string[]).toSorted()).toEqual((await ours.validate(await network())).toSorted());
    await writeNetwork({ cniVersion: "0.4.0", cniVersions: ["0.3.1", "1.0.0", "2.0.0"] });
    expect((await network()).cniVersion).toBe("1.0.0");
    expect(theirs("version")).toBe("1.0.0");
  });

  it("loads single plug-ins and plug-ins beside the list as libcni does", async () => {
    await writeNetwork({ name: "another" });
    const single = { cniVersion: "1.0.0", name: "net", type: "register", folder: join(folder, "register") };
    await writeFile(join(folder, "net.d/20-net.conf"), JSON.stringify(single));
    await ours.add(await network(), target);
    theirs("check");
    theirs("del");
    theirs("add");
    await ours.del(await network(), target);
    expect(await registered()).toEqual([]);
    await mkdir(join(folder, "net.d/net"));
    await copyFile(join(folder, "net.d/20-net.conf"), join(folder, "net.d/net/01-register.conf"));
    const list = { cniVersion: "1.1.0", name: "net", loadOnlyInlinedPlugins: "false", plugins: [{ type: "recorder" }] };
    await writeFile(join(folder, "net.d/30-net.conflist"), JSON.stringify(list));
    expect((await network()).plugins.map(({ type }) => type)).toEqual(["recorder", "register"]);
    theirs("add");
    expect(await registered()).toHaveLength(1);
    await ours.check(await network(), target);
    await ours.del(await network(), target);
    expect(await registered()).toEqual([]);
  });
});

/** The JSON that a plug-in was given has no newline after it: the first variable follows at once. */
function splitInput(line: string): readonly [json: string, rest: string] {
  const end = line.lastIndexOf("}") + 1;
  return [line.slice(0, end), line.slice(end)];
}
