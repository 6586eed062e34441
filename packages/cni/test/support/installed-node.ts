import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as immediate } from "node:timers/promises";
import type { UninstallCniOptions } from "../../src/install/index.ts";
import { createAttachmentCache } from "../../src/runtime/cache.ts";
import { parseNetwork } from "../../src/runtime/network.ts";
import type { DaemonLab } from "./daemon-lab.ts";
import type { TestHost } from "./host.ts";

const program = join(import.meta.dirname, "../e2e/programs/install.ts");
const types = ["kx-bridge", "kx-firewall"];

/** What an installation or an uninstallation printed. */
export type Printed = Readonly<Record<string, unknown>>;

/** A node with an installation of its own, whose runtime remembers what it attaches by a list of two plug-ins. */
export function installedNode(host: TestHost, lab: DaemonLab, programs: { program: string; shim: string }) {
  const at = (name: string) => join(lab.folder, "node", name);
  const [binDir, prefix, confDir, cacheDir] = [at("bin"), at("opt"), at("net.d"), at("cni")];
  const places = { binDir, prefix, sources: programs };
  const cache = createAttachmentCache(cacheDir);
  const pods = new Map<string, { readonly path: string; result: object }>();

  /** @param until - kills it as soon as this is so. */
  async function run(
    work: "install" | "uninstall",
    options: object,
    until?: () => boolean,
  ): Promise<Printed | undefined> {
    const args = [`--net=${host.netns.path}`, process.execPath, program, work, JSON.stringify(options)];
    const { promise, resolve } = Promise.withResolvers<string>();
    const ended = new AbortController();
    const child = execFile("nsenter", args, (_, stdout) => {
      ended.abort();
      resolve(stdout);
    });
    const isOver = () => until === undefined || ended.signal.aborted;
    while (!isOver()) {
      if (until?.() === true) child.kill("SIGKILL");
      await immediate();
    }
    const printed = await promise;
    return printed === "" ? undefined : JSON.parse(printed);
  }

  async function call(type: string, command: string, containerId: string): Promise<object> {
    const { path, result } = pods.get(containerId) ?? { path: "", result: {} };
    const prevResult = Object.keys(result).length === 0 ? {} : { prevResult: { ...result } };
    return await lab.done({ type, command, containerId, netns: path, binDir, config: prevResult });
  }

  return {
    binDir,
    prefix,
    confDir,
    pods,
    /** Undefined if it was killed. */
    install: (fallback: boolean, until?: () => boolean) =>
      run("install", { ...places, fallback, network: { confDir, subnets: ["10.1.0.0/24"] } }, until),
    uninstall: (whileAttached: UninstallCniOptions["whileAttached"] = "refuse", until?: () => boolean) =>
      run("uninstall", { ...places, confDir, cacheDir, socketPath: lab.socketPath, whileAttached }, until),
    async attach(containerId: string): Promise<void> {
      const { path } = await host.pod();
      const pod = { path, result: {} };
      pods.set(containerId, pod);
      for (const type of types) pod.result = await call(type, "ADD", containerId);
      const plugins = types.map((type) => ({ ...lab.config, type }));
      const network = await parseNetwork(JSON.stringify({ cniVersion: "1.1.0", name: "net", plugins }));
      await cache.write(network, { containerId, ifName: "eth0", netns: path }, { ...pod.result });
    },
    /** As a container runtime: in reverse. It forgets the attachment only later. */
    async detach(containerId: string): Promise<void> {
      for (const type of types.toReversed()) await call(type, "DEL", containerId);
    },
    forget: (containerId: string) => cache.remove("net", { containerId, ifName: "eth0" }),
    /** All that an installation and its plug-ins have made, but leases. */
    left(): readonly string[] {
      const folders = [binDir, prefix, confDir, join(lab.folder, "run/cni")];
      const names = (path: string) => (existsSync(path) ? readdirSync(path).map((name) => join(path, name)) : []);
      return [...folders.flatMap(names), ...folders.slice(1, 2).filter(existsSync)];
    },
  };
}
