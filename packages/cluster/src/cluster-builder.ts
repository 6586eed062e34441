import { chmod, mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { keepAdminKubeconfig, kubeconfigOf, startControllerManager, startScheduler } from "./control-plane-programs.ts";
import { dnsImageSpec, startDns } from "./dns.ts";
import { type Control, openCluster, type RunningState } from "./handle.ts";
import { executeOrThrow } from "./host.ts";
import { writeImage } from "./images/build-image.ts";
import { busyboxImage, nginxStandIn, pauseImage } from "./images/stock-images.ts";
import { NodeLife, type PlannedNode } from "./node-life.ts";
import { createPki, type Pki } from "./pki.ts";
import { apiServerArgs, type ControlPlaneSpec, etcdArgs } from "./plan/control-plane.ts";
import { fabricCommands, hostRouteCommands, type Network } from "./plan/network.ts";
import { forwarding } from "./plan/node.ts";
import type { Step } from "./plan/step.ts";
import { createRegistry, type Registry } from "./registry/index.ts";
import { Relay } from "./relay.ts";
import type { Rig, Wrap } from "./rig.ts";
import type { Cluster, ClusterOptions } from "./types.ts";

/** The steps of a start. Each method is one of them; `build` is their order. */
export class ClusterBuilder {
  readonly #rig: Rig;
  readonly #options: ClusterOptions;
  readonly #nodes: readonly PlannedNode[];
  readonly #network: Network;
  readonly #link: string | undefined;
  readonly #spec: ControlPlaneSpec;
  #holder = 0;

  constructor(rig: Rig, options: ClusterOptions, nodes: readonly PlannedNode[], network: Network, link?: string) {
    this.#rig = rig;
    this.#options = options;
    this.#nodes = nodes;
    this.#network = network;
    this.#link = link;
    this.#spec = {
      etcdData: rig.layout.etcdData,
      etcdPort: 2379,
      etcdPeerPort: 2380,
      securePort: 6443,
      bindAddress: "0.0.0.0",
      advertiseAddress: network.fabric,
      serviceCidrs: network.families.map(({ serviceCidr }) => serviceCidr),
      podCidrs: network.families.map(({ podCidr }) => podCidr),
      pki: rig.layout.pki,
      apiServerArgs: options.apiServerArgs ?? [],
    };
  }

  async build(): Promise<Cluster> {
    const rig = this.#rig;
    const { fabric, apiService, families } = this.#network;
    const [pki] = await rig.step("making certificates and namespaces", () =>
      allOf([
        createPki(rig.layout.pki, {
          addresses: ["127.0.0.1", fabric, apiService],
          nodes: this.#nodes.map(({ name, index }) => {
            return { name, addresses: families.map((own) => own.nodeAddress(index)) };
          }),
        }),
        this.#startHolder().then(() => rig.runProgram(etcdArgs(this.#spec), this.#inHolder)),
      ]),
    );
    const relay = new Relay(rig.assets.path("kx-init"), this.#holder, rig.layout.log("relay"));
    rig.defer(() => relay.stop());
    const { server, registry } = await rig.step("starting the control plane", async () => {
      await rig.runProgram(apiServerArgs(this.#spec), this.#inHolder);
      const address = await relay.forward(
        { net: "host", address: "127.0.0.1:0" },
        { net: "cluster", address: `${fabric}:6443` },
      );
      return { server: `https://${address}`, registry: await this.#startRegistry(relay) };
    });
    await keepAdminKubeconfig(rig, server, pki);
    rig.connect(server, pki);
    const nodes = await rig.step("making the nodes", () =>
      allOf(this.#nodes.map((node) => this.#startNode(node, pki))),
    );
    await rig.step("waiting for the API server", async () => {
      await allOf(nodes.map((node) => this.#registerNode(node)));
      await allOf(nodes.map((node) => node.startKubelet()));
      await rig.awaitReady();
    });
    const access = { server: `https://${fabric}:6443`, pki, wrap: this.#inHolder };
    if (rig.options.controllerManager) await startControllerManager(rig, this.#spec, access);
    if (rig.options.scheduler) await startScheduler(rig, access);
    const { etcdSocket } = rig.layout;
    const states = nodes.map(({ state }) => state);
    const facts = { server, etcd: `unix:${etcdSocket}`, holderPid: this.#holder, fabric, nodes: states };
    const control = this.#control(relay, registry, nodes);
    const cluster = openCluster(rig.layout.dir, { ...rig.state, ...facts } as RunningState, control);
    await this.#awaitNetwork(cluster, nodes);
    if (this.#options.kubeProxy ?? true) for (const node of nodes) await node.startKubeProxy();
    if (rig.options.controllerManager) {
      await rig.awaitApi(
        "the default ServiceAccount",
        (api) => api.get("/api/v1/namespaces/default/serviceaccounts/default"),
        (answer) => answer.status === 200,
      );
    }
    await relay.forward({ net: "host", address: `unix:${etcdSocket}` }, { net: "cluster", address: "127.0.0.1:2379" });
    await rig.check();
    rig.settle();
    await rig.record(facts);
    if (this.#options.dns === true) await rig.step("starting CoreDNS", () => startDns(cluster, this.#network));
    await rig.serve(control);
    return cluster;
  }

  #control(relay: Relay, registry: Registry, nodes: readonly NodeLife[]): Control {
    const rig = this.#rig;
    const named = (name: string | undefined) => nodes.find((node) => node.name === name);
    return rig.control({
      forward: (listen, dial) => relay.forward(listen, dial),
      addImages: async (archive) => void (await registry.add(archive)),
      supervise: (program, name) => named(name)?.supervise(program) ?? rig.superviseHere(program),
      async power(name, to) {
        const node = named(name);
        await (to === "on" ? node?.powerOn() : node?.powerOff());
        await rig.record({ nodes: nodes.map(({ state }) => state) });
      },
    });
  }

  async #awaitNetwork(cluster: Cluster, nodes: readonly NodeLife[]): Promise<void> {
    const { network = "upstream" } = this.#options;
    if (network === "none") return;
    if (network !== "upstream") await this.#rig.step("setting up the pod network", () => network(cluster));
    await this.#rig.step("waiting for the nodes to be Ready", () => this.#awaitNodes(nodes));
  }

  get #hasUpstreamNetwork(): boolean {
    return (this.#options.network ?? "upstream") === "upstream";
  }

  /** The namespaces that all others lie in. When its PID 1 is killed, the kernel ends every process in them. */
  async #startHolder(): Promise<void> {
    const { layout, assets } = this.#rig;
    const plan = join(layout.dir, "holder.json");
    const steps: Step[] = [{ op: "mount", source: "", path: "/", options: ["rprivate"] }, ...forwarding(this.#network)];
    await writeFile(plan, JSON.stringify(steps), { mode: 0o600 });
    const unshare = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"];
    const argv = [...unshare, assets.path("kx-init"), "init", plan];
    const holder = await this.#rig.run(
      { name: "holder", argv: () => argv, forks: 1, programs: ["kx-init"], vital: true },
      true,
    );
    this.#holder = await holder.pid();
    await this.#ip(this.#holder, fabricCommands(this.#network, this.#nodes.length));
    if (this.#link !== undefined) {
      const own = hostRouteCommands(this.#network, this.#link, this.#holder);
      await executeOrThrow("ip", ["-batch", "-"], { input: own.join("\n") });
      await this.#ip(this.#holder, ["link set kxhost master kxbr0", "link set kxhost up"]);
    }
  }

  readonly #inHolder: Wrap = (argv) => ({
    argv: ["nsenter", "-t", String(this.#holder), "-m", "-n", "-p", "--", ...argv],
    forks: 1,
  });

  async #ip(pid: number, lines: readonly string[]): Promise<void> {
    const args = ["-t", String(pid), "-n", "ip", "-batch", "-"];
    await executeOrThrow("nsenter", args, { input: `${lines.join("\n")}\n` });
  }

  /** The registry is served by this process on a socket, and reached by the nodes through the relay. */
  async #startRegistry(relay: Relay): Promise<Registry> {
    const { layout, assets } = this.#rig;
    const registry = await createRegistry({ access: this.#options.registryAccess ?? [] });
    const stock = join(layout.config, "images");
    await mkdir(stock, { recursive: true });
    for (const spec of [
      pauseImage(assets.path("pause")),
      await busyboxImage(["docker.io/library/busybox:latest", "docker.io/library/busybox:1"]),
      await nginxStandIn(),
      ...(this.#options.dns === true ? [dnsImageSpec(assets.path("coredns"))] : []),
    ]) {
      const archive = join(stock, `${spec.names[0]?.replaceAll(/[/:]/g, "-")}.tar`);
      await writeImage(archive, spec);
      await registry.add(archive);
    }
    for (const archive of this.#options.images ?? []) await registry.add(archive);
    const server = createServer(registry.handler);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(layout.registrySocket, resolve);
    });
    await chmod(layout.registrySocket, 0o600);
    this.#rig.defer(() => {
      server.closeAllConnections();
      server.close();
    });
    await relay.forward(
      { net: "cluster", address: this.#network.registry },
      { net: "host", address: `unix:${layout.registrySocket}` },
    );
    return registry;
  }

  async #startNode(node: PlannedNode, pki: Pki): Promise<NodeLife> {
    const inside = `https://${this.#network.fabric}:6443`;
    const life = new NodeLife(this.#rig, {
      node,
      network: this.#network,
      inHolder: this.#inHolder,
      holder: this.#holder,
      routes: this.#hasUpstreamNetwork ? this.#nodes.length : 0,
      spec: {
        binds: this.#options.mounts ?? [],
        pki: { ca: pki.get("ca").cert, ...pki.get(node.name) },
        kubeconfig: kubeconfigOf(node.name, inside, pki),
        proxyKubeconfig: kubeconfigOf("kube-proxy", inside, pki),
        kubelet: this.#options.kubelet ?? {},
        containerd: this.#options.containerd ?? "",
        hasNetwork: this.#hasUpstreamNetwork,
      },
      kubeletArgs: this.#options.kubeletArgs ?? [],
    });
    await life.start();
    return life;
  }

  /**
   * Makes the Node object before its kubelet starts, so that its pod range is known from the first moment. Works as
   * soon as the API server listens, long before it is ready.
   */
  #registerNode({ state: node }: NodeLife): Promise<void> {
    const podCIDRs = this.#network.families.map((own) => own.nodePodCidr(node.index));
    const body = {
      apiVersion: "v1",
      kind: "Node",
      metadata: { name: node.name, labels: { "topology.kubernetes.io/zone": `zone-${node.index}` } },
      spec: { podCIDR: podCIDRs[0], podCIDRs },
    };
    return this.#rig.awaitApi(
      `the registration of ${node.name}`,
      (api) => api.post("/api/v1/nodes", body),
      (answer) => answer.status === 201 || answer.status === 409,
    );
  }

  async #awaitNodes(nodes: readonly NodeLife[]): Promise<void> {
    for (const node of nodes) {
      await this.#rig.awaitApi(
        `the readiness of ${node.name} (its logs: ${this.#rig.layout.log(`${node.name}/kubelet`)})`,
        (api) => api.get(`/api/v1/nodes/${node.name}`),
        (answer) => answer.status === 200 && isReady(answer.body),
      );
    }
  }
}

/** Like Promise.all, but fails only when all have ended: nothing may still be made while a failed start is undone. */
async function allOf<T extends readonly unknown[]>(work: { [K in keyof T]: Promise<T[K]> }): Promise<T> {
  await Promise.allSettled(work);
  return Promise.all(work);
}

function isReady(body: string): boolean {
  const node = JSON.parse(body) as { status?: { conditions?: { type: string; status: string }[] } };
  return node.status?.conditions?.some((c) => c.type === "Ready" && c.status === "True") ?? false;
}
