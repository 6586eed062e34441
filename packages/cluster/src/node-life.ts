import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { KxError } from "@kx/core";
import type { Component } from "./component.ts";
import { enterNode } from "./handle.ts";
import { hiddenPaths } from "./hidden.ts";
import { execute, executeOrThrow, logTail, until } from "./host.ts";
import type { NodeLayout } from "./layout.ts";
import { detachLoops, ownFileSystems } from "./loop-devices.ts";
import type { CgroupPlan } from "./plan/cgroups.ts";
import { type Network, nodeCommands, plugCommands } from "./plan/network.ts";
import { containerdArgs, kubeletArgs, kubeProxyArgs, type NodeSpec, nodePath, planNode } from "./plan/node.ts";
import { bootstrapPlugins, nodeBin } from "./plan/node-config.ts";
import type { Rig, Wrap } from "./rig.ts";
import { type NodeState, removeCgroup } from "./state.ts";
import type { SupervisedProgram } from "./types.ts";

/** A node before it is made. */
export interface PlannedNode {
  readonly name: string;
  readonly index: number;
  readonly cgroups: CgroupPlan;
}

/** What a node is made with. */
export interface NodeLifeOptions {
  readonly node: PlannedNode;
  readonly network: Network;
  /** Enters the cluster's namespaces, of which this is process 1. */
  readonly inHolder: Wrap;
  readonly holder: number;
  /** Of nodes whose pods it is to reach from the start. */
  readonly routes: number;
  readonly spec: Pick<
    NodeSpec,
    "binds" | "pki" | "kubeconfig" | "proxyKubeconfig" | "kubelet" | "containerd" | "hasNetwork"
  >;
  readonly kubeletArgs: readonly string[];
}

const containerdRuns = ["containerd-shim-runc-v2", "runc", "pause", ...bootstrapPlugins];

/** One node, in the process that owns its cluster: its namespaces and the programs in them. */
export class NodeLife {
  readonly #rig: Rig;
  readonly #options: NodeLifeOptions;
  readonly #own: NodeLayout;
  /** In the order of their first start. */
  readonly #programs: Component[] = [];
  #init: Component | undefined;
  #isOff = false;
  #pid = 0;
  #fileSystems: readonly string[] = [];

  constructor(rig: Rig, options: NodeLifeOptions) {
    this.#rig = rig;
    this.#options = options;
    this.#own = rig.layout.node(options.node.name);
  }

  get name(): string {
    return this.#options.node.name;
  }

  get state(): NodeState {
    const { node, network } = this.#options;
    const { name, index, cgroups } = node;
    const addresses = network.families.map((own) => own.nodeAddress(index));
    return { name, index, addresses, pid: this.#pid, cgroups: cgroups.initDirs, fileSystems: this.#fileSystems };
  }

  /** Makes its namespaces and starts containerd. */
  async start(): Promise<void> {
    const { name } = this;
    const own = this.#own;
    for (const path of [own.kubelet, own.containerd, own.run, own.upper, own.work, own.root]) {
      await mkdir(path, { recursive: true });
    }
    await this.#prepare(false);
    const { dirs } = this.#options.node.cgroups;
    const kinds = ["--mount", "--net", "--pid", "--cgroup", "--uts", "--ipc"];
    const init = this.#rig.assets.path("kx-init");
    const unshare = ["unshare", ...kinds, "--fork", "--kill-child", "--mount-proc", init, "init", own.plan];
    const { argv, forks } = this.#options.inHolder(unshare);
    this.#init = await this.#rig.run(
      {
        name: `${name}/init`,
        argv: () => [init, "run", ...dirs, "--", ...argv],
        forks: forks + 1,
        programs: ["kx-init"],
        vital: true,
      },
      true,
    );
    await this.#plug(this.#init);
    await this.#run("containerd", containerdArgs());
  }

  /** A kubelet that finds no container runtime gives up at once. */
  async startKubelet(): Promise<void> {
    await this.#awaitContainerd();
    const { addresses } = this.state;
    await this.#run("kubelet", kubeletArgs(this.name, addresses, this.#options.kubeletArgs));
  }

  startKubeProxy(): Promise<void> {
    return this.#run("kube-proxy", kubeProxyArgs());
  }

  /** Runs a program of the caller's. */
  async supervise(program: SupervisedProgram): Promise<void> {
    const argv = () => this.#entered([program.command, ...(program.args ?? [])]);
    const env = { PATH: nodePath, HOME: "/root", ...program.env };
    this.#programs.push(await this.#rig.supervise(`${this.name}/${program.name}`, argv, 1, env));
  }

  /** See ClusterNode.powerOff. */
  async powerOff(): Promise<void> {
    if (this.#isOff) return;
    this.#isOff = true;
    // At once, so that none sees another's end.
    await Promise.all([this.#started(), ...this.#programs].map((component) => component.stop()));
    await this.#forget();
  }

  /** See ClusterNode.powerOn. */
  async powerOn(): Promise<void> {
    if (!this.#isOff) return;
    const init = this.#started();
    await this.#prepare(true);
    await this.#rig.startAgain(init, true);
    await this.#plug(init);
    this.#isOff = false;
    for (const program of this.#programs) {
      if (program.spec.name === `${this.name}/kubelet`) await this.#awaitContainerd();
      await this.#rig.startAgain(program);
    }
  }

  #started(): Component {
    if (this.#init !== undefined) return this.#init;
    throw new KxError("KX_CLUSTER_NOT_RUNNING", `${this.name} has not been started`);
  }

  /** Removes what no machine keeps over a boot. */
  async #forget(): Promise<void> {
    const { run, work } = this.#own;
    for (const name of await readdir(run)) await rm(join(run, name), { recursive: true, force: true });
    // The kernel refuses a volatile overlay with the work folder of an earlier one.
    await rm(work, { recursive: true, force: true });
    await mkdir(work);
    for (const path of this.#options.node.cgroups.dirs) await removeCgroup(path);
    await detachLoops(this.#fileSystems);
    // Else it goes when the kernel comes to remove the namespace of its other end.
    await execute("nsenter", this.#inNet(this.#options.holder, "link", "del", `kxv${this.#options.node.index}`));
  }

  /** @param isKept - whether its files are those of an earlier life. */
  async #prepare(isKept: boolean): Promise<void> {
    const { node, network, spec } = this.#options;
    for (const path of node.cgroups.dirs) await mkdir(path);
    const steps = planNode({
      ...node,
      ...spec,
      isKept,
      layout: this.#own,
      network,
      assets: this.#rig.assets.dir,
      hidden: isKept ? [] : hiddenPaths(this.#rig.layout.dir),
    });
    await writeFile(this.#own.plan, JSON.stringify(steps), { mode: 0o600 });
  }

  async #plug(init: Component): Promise<void> {
    const { node, network, holder, routes } = this.#options;
    this.#pid = await init.pid();
    const mounts = (pid: number | "self") => readFile(`/proc/${pid}/mountinfo`, "utf8");
    this.#fileSystems = ownFileSystems(await mounts(this.#pid), await mounts("self"));
    await this.#ip(holder, plugCommands(node.index, this.#pid));
    await this.#ip(this.#pid, nodeCommands(network, node.index, routes));
  }

  #inNet(pid: number, ...args: readonly string[]): readonly string[] {
    return ["-t", String(pid), "-n", "ip", ...args];
  }

  async #ip(pid: number, lines: readonly string[]): Promise<void> {
    await executeOrThrow("nsenter", this.#inNet(pid, "-batch", "-"), { input: `${lines.join("\n")}\n` });
  }

  #entered(argv: readonly string[]): string[] {
    return enterNode(this.#rig.assets.dir, this.state, argv);
  }

  async #run(name: string, argv: readonly string[]): Promise<void> {
    const [program = "", ...args] = argv;
    const component = await this.#rig.run({
      name: `${this.name}/${name}`,
      argv: () => this.#entered([`${nodeBin}/${program}`, ...args]),
      forks: 1,
      env: { PATH: nodePath, HOME: "/root" },
      // containerd runs the others.
      programs: program === "containerd" ? [program, ...containerdRuns] : [program],
    });
    this.#programs.push(component);
  }

  async #awaitContainerd(): Promise<void> {
    const socket = join(this.#own.run, "containerd/containerd.sock");
    await until(
      async () => {
        await this.#rig.check();
        return (await answers(socket)) ? true : undefined;
      },
      {
        timeoutMs: 30_000,
        intervalMs: 10,
        signal: this.#rig.options.signal,
        failure: async () => {
          const tail = await logTail(this.#rig.layout.log(`${this.name}/containerd`));
          return new KxError("KX_CLUSTER_TIMEOUT", `containerd of ${this.name} did not listen in 30 s; ${tail}`);
        },
      },
    );
  }
}

/** Whether a program accepts connections on a Unix socket. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const end = (accepted: boolean): void => {
      socket.destroy();
      resolve(accepted);
    };
    socket.once("connect", () => end(true)).once("error", () => end(false));
  });
}
