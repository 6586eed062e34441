import { mkdir, mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { KxError } from "@kx/core";
import { type ApiAccess, type ApiAnswer, apiAccess } from "./api.ts";
import { type Assets, ensureAssets } from "./assets/index.ts";
import { Component, type ComponentSpec } from "./component.ts";
import { serveControl } from "./control.ts";
import type { Control } from "./handle.ts";
import { logTail, startTime, until } from "./host.ts";
import { type Layout, layoutOf } from "./layout.ts";
import type { Pki } from "./pki.ts";
import { type ClusterState, claimDir, removeRemains, writeState } from "./state.ts";
import type { ClusterProcess, ControlPlaneOptions, Progress, SupervisedProgram } from "./types.ts";

/** How the control plane's programs are started: on this machine, or in the cluster's namespaces. */
export type Wrap = (argv: readonly string[]) => { readonly argv: readonly string[]; readonly forks: number };

/**
 * One control plane under construction or at work, in the process that owns it: its processes, what was made for it,
 * and how to undo that. The public handles (handle.ts) are views of it.
 */
export class Rig {
  readonly layout: Layout;
  readonly assets: Assets;
  readonly options: ControlPlaneOptions;
  readonly #ephemeral: boolean;
  readonly #components = new Map<string, Component>();
  readonly #verified = new Map<string, Promise<void>>();
  readonly #undo: (() => Promise<void> | void)[] = [];
  #state: ClusterState;
  #stopping: Promise<void> | undefined;
  #api: ApiAccess | undefined;

  private constructor(
    layout: Layout,
    ephemeral: boolean,
    assets: Assets,
    options: ControlPlaneOptions,
    state: ClusterState,
  ) {
    this.layout = layout;
    this.#ephemeral = ephemeral;
    this.assets = assets;
    this.options = options;
    this.#state = state;
  }

  /** Makes the state folder this process's own and finds the programs. */
  static async claim(
    options: ControlPlaneOptions,
    kind: ClusterState["kind"],
    names: readonly string[],
    remains: Pick<ClusterState, "cgroups" | "link">,
  ): Promise<Rig> {
    const ephemeral = options.dir === undefined;
    const dir = options.dir === undefined ? await mkdtemp(join(tmpdir(), "kx-")) : resolve(options.dir);
    const claimed: ClusterState = {
      kind,
      owner: { pid: process.pid, startTime: (await startTime(process.pid)) ?? "" },
      startedAt: new Date().toISOString(),
      ...remains,
    };
    await claimDir(dir, claimed).catch(async (error: unknown) => {
      if (ephemeral) await rm(dir, { recursive: true, force: true });
      throw error;
    });
    try {
      const assets = await ensureAssets({
        names,
        ...(options.kubernetesVersion === undefined ? {} : { kubernetesVersion: options.kubernetesVersion }),
        ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      });
      const state = { ...claimed, kubernetesVersion: assets.version, assets: assets.dir };
      await writeState(dir, state);
      const rig = new Rig(layoutOf(dir), ephemeral, assets, options, state);
      const { layout } = rig;
      for (const path of [layout.logs, layout.config, layout.etcdData]) {
        await mkdir(path, { recursive: true, mode: 0o700 });
      }
      return rig;
    } catch (error) {
      await removeRemains(dir, claimed, ephemeral ? undefined : /^supervisor\./);
      if (ephemeral) await rm(dir, { recursive: true, force: true });
      throw error;
    }
  }

  get state(): ClusterState {
    return this.#state;
  }

  /** Adds facts to the state file. */
  async record(facts: Partial<ClusterState>): Promise<void> {
    this.#state = { ...this.#state, ...facts };
    await writeState(this.layout.dir, this.#state);
  }

  /** Registers what `stop` undoes, last first, after all processes have ended. */
  defer(undo: () => Promise<void> | void): void {
    this.#undo.push(undo);
  }

  /** Runs a step under a name that the caller's onProgress is told, and ends it when the start is aborted. */
  async step<T>(step: string, work: () => Promise<T>): Promise<T> {
    this.options.signal?.throwIfAborted();
    const started = performance.now();
    const tell = (state: Progress["state"]): void =>
      this.options.onProgress?.({ step, state, elapsedMs: state === "started" ? 0 : performance.now() - started });
    tell("started");
    try {
      const value = await work();
      tell("done");
      return value;
    } catch (error) {
      tell("failed");
      throw error;
    }
  }

  /** Checks programs against their recorded hashes, each file once during a start. */
  async verify(...names: readonly string[]): Promise<void> {
    for (const name of names) {
      const file = await realpath(this.assets.path(name));
      const check = this.#verified.get(file) ?? this.assets.verify(name);
      this.#verified.set(file, check);
      await check;
    }
  }

  /** Starts a process, once its programs are verified. */
  async run(
    spec: Omit<ComponentSpec, "log" | "env"> & { env?: Record<string, string> },
    ready = false,
  ): Promise<Component> {
    await this.verify(...spec.programs);
    if (this.#stopping) throw new KxError("KX_CLUSTER_NOT_RUNNING", "the cluster is being stopped");
    const component = new Component(
      { env: { PATH: process.env["PATH"] ?? "" }, ...spec, log: this.layout.log(spec.name) },
      (error) => {
        this.options.onProgress?.({
          step: error.reason,
          state: "failed",
          elapsedMs: 0,
          note: "the cluster is stopped",
        });
        void this.stop().catch(() => {}); // what is left is told by the next use of the folder
      },
    );
    this.#components.set(spec.name, component);
    await component.start(ready);
    return component;
  }

  /** Fails if any process has ended. */
  async check(): Promise<void> {
    for (const component of this.#components.values()) await component.check();
  }

  /** Starts a process again that was stopped, once its programs are verified anew. */
  async startAgain(component: Component, ready = false): Promise<void> {
    this.#verified.clear();
    await this.verify(...component.spec.programs);
    if (this.#stopping) throw new KxError("KX_CLUSTER_NOT_RUNNING", "the cluster is being stopped");
    await component.start(ready);
  }

  /** Runs a program of the caller's; it is restarted from its first end on. */
  async supervise(
    name: string,
    argv: () => readonly string[],
    forks: number,
    env: Record<string, string>,
  ): Promise<Component> {
    if (this.#components.has(name)) {
      throw new KxError("KX_CLUSTER_OPTION", `a process ${name} is running already`, { remedy: "choose another name" });
    }
    const component = await this.run({ name, argv, forks, env, programs: [] });
    component.settle();
    return component;
  }

  /** Runs a program of the caller's on this machine. */
  async superviseHere(program: SupervisedProgram): Promise<void> {
    const env = { PATH: process.env["PATH"] ?? "", ...program.env };
    await this.supervise(program.name, () => [program.command, ...(program.args ?? [])], 0, env);
  }

  /** From now on, processes that end are started again. */
  settle(): void {
    for (const component of this.#components.values()) component.settle();
  }

  /** From now on the API server can be asked, by an identity of the cluster's own. */
  connect(server: string, pki: Pki): void {
    const api = apiAccess(server, pki.get("ca").cert, pki.get("kubelet-client"));
    this.#api = api;
    this.defer(() => api.close());
  }

  /** Starts one of the control plane's programs: `argv` begins with its name. */
  async runProgram([name = "", ...args]: readonly string[], wrap: Wrap): Promise<void> {
    const { argv, forks } = wrap([this.assets.path(name), ...args]);
    await this.run({ name, argv: () => argv, forks, programs: [name] });
  }

  /** Polls the API server until the answer to `attempt` is accepted. */
  async awaitApi(
    what: string,
    attempt: (api: ApiAccess) => Promise<ApiAnswer>,
    accept: (answer: ApiAnswer) => boolean,
    timeoutMs = 60_000,
  ): Promise<void> {
    let last: ApiAnswer = { status: 0, body: "" };
    await until(
      async () => {
        await this.check();
        if (this.#api === undefined) return undefined;
        last = await attempt(this.#api);
        return accept(last) ? true : undefined;
      },
      {
        timeoutMs,
        signal: this.options.signal,
        failure: async () =>
          new KxError(
            "KX_CLUSTER_TIMEOUT",
            `${what} did not happen in ${timeoutMs / 1000} s; the API server last answered ${last.status} ${last.body.slice(0, 300)}; ` +
              (await logTail(this.layout.log("kube-apiserver"))),
          ),
      },
    );
  }

  awaitReady(): Promise<void> {
    return this.awaitApi(
      "the API server's readiness",
      (api) => api.get("/readyz"),
      (answer) => answer.status === 200,
    );
  }

  /** Lets other processes control the cluster. */
  async serve(control: Control): Promise<void> {
    const server = await serveControl(this.layout.controlSocket, control);
    this.defer(() => {
      server.close();
      server.closeIdleConnections();
    });
  }

  /** How every process fares. */
  processes(): Promise<readonly ClusterProcess[]> {
    const each = [...this.#components].map(async ([name, component]) => {
      const [node] = name.includes("/") ? name.split("/") : [];
      const fares = await component.describe();
      return { name, ...(node === undefined ? {} : { node }), ...fares, log: this.layout.log(name) };
    });
    return Promise.all(each);
  }

  /** What the owner can do; see handle.ts. The rest depends on whether there are namespaces. */
  control(rest: Pick<Control, "forward" | "addImages" | "supervise" | "power">): Control {
    return {
      ...rest,
      restart: async (name) => {
        const component = this.#components.get(name);
        if (component === undefined) {
          throw new KxError("KX_CLUSTER_OPTION", `there is no process ${name}`, {
            remedy: `the processes are ${[...this.#components.keys()].join(", ")}`,
          });
        }
        await component.stop();
        await this.startAgain(component);
        if (name === "kube-apiserver") await this.awaitReady();
      },
      processes: () => this.processes(),
      stop: () => this.stop(),
    };
  }

  /** Ends every process and removes what was made. Safe to call at any point, and twice. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /** Undoes a start that failed, and throws what it failed with. */
  async abandon(thrown: unknown): Promise<never> {
    const error = this.#explain(thrown);
    await this.stop().catch((left: unknown) => {
      const { code, reason } = KxError.from(error, "KX_CLUSTER_PROCESS");
      throw new KxError(code, `${reason}; and not all of it could be undone: ${KxError.from(left).reason}`, {
        cause: error,
        remedy: `\`kx down --dir ${this.layout.dir}\` tries again`,
      });
    });
    throw error;
  }

  #explain(error: unknown): unknown {
    let root = error;
    while (root instanceof Error && root.cause instanceof Error) root = root.cause;
    if (!(root instanceof Error) || !("code" in root) || root.code !== "ENOSPC") return error;
    return new KxError("KX_CLUSTER_DIR", `no space is left in ${this.layout.dir}`, {
      cause: error,
      remedy: "free about 200 MB for each node there, or name a folder on another disk with --dir",
    });
  }

  async #stop(): Promise<void> {
    // The first component of a cluster is PID 1 of its namespaces: with it all the others end.
    for (const component of this.#components.values()) await component.stop();
    for (const undo of this.#undo.toReversed()) await undo();
    await removeRemains(this.layout.dir, this.#state, this.#ephemeral ? undefined : /^supervisor\./);
    if (this.#ephemeral) await rm(this.layout.dir, { recursive: true, force: true });
  }
}
