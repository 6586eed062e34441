import { execFile } from "node:child_process";
import { createServer } from "node:https";
import { promisify } from "node:util";
import { type Cluster, type ClusterNode, connectCluster, startCluster } from "@kx/cluster";
import { expectNoLeaks, type HostSnapshot, takeSnapshot } from "@kx/cluster/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { busyboxPod, eventually, kubectl, runPod } from "./eventually.ts";

const execute = promisify(execFile);

// What restarts or cuts off parts of a cluster needs one of its own; a second one runs beside it.
describe("a cluster of one's own", () => {
  const secret = Math.random().toString(36);
  let before: HostSnapshot;
  let cluster: Cluster;
  let neighbour: Cluster;

  beforeAll(async () => {
    before = await takeSnapshot();
    [cluster, neighbour] = await Promise.all([
      startCluster({
        nodes: 2,
        registryAccess: [{ repository: "docker.io/library/nginx", scheme: "token", users: { jane: secret } }],
      }),
      startCluster({ hostNetworkRoute: true, ipFamilies: ["ipv4", "ipv6"] }),
    ]);
    await runPod(
      cluster,
      busyboxPod("stays", "default", ["sleep", "100000"], { nodeName: "node-2", restartPolicy: "Always" }),
    );
  });

  afterAll(async () => {
    await Promise.all([cluster?.stop(), neighbour?.stop()]);
    await expectNoLeaks(before, { timeoutMs: 20_000 });
  });

  const uid = async (): Promise<string> =>
    kubectl(cluster, ["get", "pod/stays", "-o", "jsonpath={.metadata.uid} {.status.containerStatuses[0].containerID}"]);
  const execInPod = (): Promise<string> => kubectl(cluster, ["exec", "stays", "--", "echo", "alive"]);
  const pidOf = async (name: string): Promise<number | undefined> =>
    (await cluster.processes()).find((process) => process.name === name)?.pid;

  it("runs beside another, each with its own objects", async () => {
    await kubectl(neighbour, ["create", "configmap", "only-there"]);
    expect((await cluster.kubectl(["get", "configmap", "only-there"])).stderr).toContain("NotFound");
    expect(neighbour.server).not.toBe(cluster.server);
  });

  it("can be routed to from the machine, in both families of addresses", async () => {
    await runPod(
      neighbour,
      busyboxPod("web", "default", ["sh", "-c", "echo routed > /tmp/index.html; httpd -f -p 80 -h /tmp"]),
    );
    const ips = (await kubectl(neighbour, ["get", "pod/web", "-o", "jsonpath={.status.podIPs[*].ip}"])).split(" ");
    expect(ips).toEqual([expect.stringMatching(/^10\.1\d\d\.1\./), expect.stringMatching(/^fd00:244:\d+:1::/)]);
    for (const host of [ips[0], `[${ips[1]}]`]) {
      const answer = await eventually(async () => (await fetch(`http://${host}/`)).text());
      expect(answer.trim()).toBe("routed");
    }
    expect(neighbour.nodes[0]?.addresses).toHaveLength(2);
  });

  it("keeps its pods while the kubelet, containerd and the API server are killed and restarted", async () => {
    const was = await uid();
    const kubelet = await pidOf("node-2/kubelet");
    await cluster.nodes[1]!.restartKubelet();
    expect(await eventually(() => pidOf("node-2/kubelet"))).not.toBe(kubelet);
    expect(await eventually(execInPod)).toBe("alive");
    await cluster.nodes[1]!.restartContainerd();
    expect(await eventually(execInPod)).toBe("alive");
    const apiServer = await pidOf("kube-apiserver");
    await cluster.restartApiServer();
    expect(await pidOf("kube-apiserver")).not.toBe(apiServer);
    expect(await eventually(execInPod)).toBe("alive");
    expect(await uid()).toBe(was);
  });

  it("reboots a node: files stay, all else is made anew, and its pods come back", async () => {
    const node = cluster.nodes[1]!;
    const read = async (path: string) => (await node.exec("cat", [path])).stdout.trim();
    const life = async () => ({
      boot: await read("/proc/sys/kernel/random/boot_id"),
      started: (await read("/proc/1/stat")).split(" ")[21],
    });
    const [was, earlier, elsewhere] = [await uid(), await life(), await pidOf("node-1/kubelet")];
    for (const path of ["/etc/kept", "/var/lib/cni/kept", "/run/gone", "/tmp/gone"]) await node.exec("tee", [path]);
    await node.exec("ip", ["netns", "add", "gone"]);
    await attachDisk(node);
    await node.reboot();
    const after = await life();
    expect(after).toEqual({ boot: earlier.boot, started: expect.any(String) });
    expect(after.started).not.toBe(earlier.started);
    expect((await node.exec("ls", ["/etc/kept", "/var/lib/cni/kept"])).exitCode).toBe(0);
    expect((await node.exec("find", ["/run/gone", "/tmp/gone", "/run/netns"])).stdout.trim()).toBe("/run/netns");
    expect((await node.exec("losetup", ["--list", "--noheadings"])).stdout).not.toContain(disk);
    // The next one is for the end of the cluster.
    await attachDisk(node);
    expect(await eventually(async () => ((await uid()) === was ? undefined : execInPod()))).toBe("alive");
    // Another process that has been connected all the time finds it too.
    const { stdout } = await (await connectCluster(cluster.dir)).nodes[1]!.exec("cat", ["/proc/sys/kernel/hostname"]);
    expect(stdout.trim()).toBe("node-2");
    expect(await pidOf("node-1/kubelet")).toBe(elsewhere);
  });

  const disk = "/var/lib/cni/disk-of-own-cluster-test";
  /** Makes a file a loop device that nobody detaches. */
  async function attachDisk(node: ClusterNode): Promise<void> {
    const script = `truncate -s 1M ${disk} && losetup -f ${disk} && losetup --list --noheadings`;
    expect((await node.exec("sh", ["-c", script])).stdout).toContain(disk);
  }

  it("starts a process again that was killed from outside", async () => {
    const scheduler = await pidOf("kube-scheduler");
    process.kill(scheduler ?? 0, "SIGKILL");
    const next = await eventually(async () => {
      const pid = await pidOf("kube-scheduler");
      return pid === scheduler ? undefined : pid;
    });
    expect(next).toBeGreaterThan(0);
    await runPod(cluster, busyboxPod("scheduled-later", "default", ["sleep", "1000"]));
  });

  it("is reached again at the same address after its relay was killed", async () => {
    const { stdout } = await execute("pgrep", ["-P", String(process.pid), "-f", "kx-init relay"]);
    for (const pid of stdout.trim().split("\n")) process.kill(Number(pid), "SIGKILL");
    const server = await kubectl(cluster, ["config", "view", "-o", "jsonpath={.clusters[0].cluster.server}"]);
    expect(server).toBe(cluster.server);
    expect(await eventually(() => kubectl(cluster, ["get", "--raw", "/readyz"]))).toBe("ok");
    await cluster.compactEtcd();
  });

  it("answers 410 Gone to a watch from before a compaction and a restart", async () => {
    const list = await kubectl(cluster, ["get", "--raw", "/api/v1/namespaces/default/configmaps"]);
    const version = (JSON.parse(list) as { metadata: { resourceVersion: string } }).metadata.resourceVersion;
    for (let i = 0; i < 3; i++) await kubectl(cluster, ["create", "configmap", `later-${i}`]);
    await cluster.compactEtcd();
    await cluster.restartApiServer();
    const watch = `/api/v1/namespaces/default/configmaps?watch=1&timeoutSeconds=5&resourceVersion=${version}`;
    const { stdout, stderr } = await cluster.kubectl(["get", "--raw", watch]);
    expect(stdout + stderr).toMatch(/too old resource version|Expired/);
  });

  it("cuts a node off and joins it again", async () => {
    const healthz = () =>
      cluster.kubectl(["get", "--raw", "/api/v1/nodes/node-2/proxy/healthz", "--request-timeout=3s"]);
    expect((await eventually(async () => ((await healthz()).exitCode === 0 ? healthz() : undefined))).stdout).toBe(
      "ok",
    );
    const join = await cluster.partition("node-2");
    expect((await healthz()).exitCode).not.toBe(0);
    await join();
    await eventually(async () => ((await healthz()).exitCode === 0 ? true : undefined));
    await expect(cluster.partition("node-9")).rejects.toThrow(/the nodes are node-1, node-2/);
  });

  it("lets the API server call a webhook of this process", async () => {
    const { host, port, cert, key, url, caBundle } = await cluster.webhook();
    const calls: string[] = [];
    const server = createServer({ cert, key }, (req, res) => {
      const chunks: Buffer[] = [];
      req.on("data", (chunk: Buffer) => chunks.push(chunk));
      req.on("end", () => {
        const { request } = JSON.parse(Buffer.concat(chunks).toString()) as { request: { uid: string; name: string } };
        calls.push(request.name);
        const response = { uid: request.uid, allowed: false, status: { message: "not on my watch" } };
        res.setHeader("content-type", "application/json");
        res.end(JSON.stringify({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", response }));
      });
    });
    await new Promise<void>((resolve) => server.listen(port, host, resolve));
    try {
      await kubectl(cluster, ["apply", "-f", "-"], {
        apiVersion: "admissionregistration.k8s.io/v1",
        kind: "ValidatingWebhookConfiguration",
        metadata: { name: "guard" },
        webhooks: [
          {
            name: "guard.test.kx.dev",
            clientConfig: { url: `${url}/validate`, caBundle },
            rules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["configmaps"] }],
            namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "default" } },
            sideEffects: "None",
            admissionReviewVersions: ["v1"],
          },
        ],
      });
      const refused = await eventually(async () => {
        const { exitCode, stderr } = await cluster.kubectl(["create", "configmap", "guarded", "--dry-run=server"]);
        return exitCode === 0 ? undefined : stderr;
      });
      expect(refused).toContain("not on my watch");
      expect(calls).toContain("guarded");
    } finally {
      await cluster.kubectl(["delete", "validatingwebhookconfiguration", "guard"]);
      server.close();
      server.closeAllConnections();
    }
  });

  it("gives a protected image only to pods with its credentials", async () => {
    const login = ["--docker-server=docker.io", "--docker-username=jane", `--docker-password=${secret}`];
    await kubectl(cluster, ["create", "secret", "docker-registry", "jane", ...login]);
    const pod = (name: string, spec: object): Record<string, unknown> =>
      busyboxPod(name, "default", ["sleep", "1000"], { ...spec }, { image: "nginx", imagePullPolicy: "Always" });
    await kubectl(cluster, ["apply", "-f", "-"], pod("stranger", {}));
    await runPod(cluster, pod("friend", { imagePullSecrets: [{ name: "jane" }] }));
    const reason = "jsonpath={.status.containerStatuses[0].state.waiting.reason}";
    await eventually(async () => {
      const waits = await kubectl(cluster, ["get", "pod/stranger", "-o", reason]);
      if (!/ErrImagePull|ImagePullBackOff/.test(waits)) throw new Error(`it waits for ${waits}`);
      return waits;
    });
  });

  it("supervises programs of its caller, on the machine and in a node", async () => {
    await cluster.nodes[0]!.supervise({
      name: "beat",
      command: "/bin/sh",
      args: ["-c", "cat /proc/sys/kernel/hostname; sleep 1000"],
    });
    await eventually(async () => {
      const { stdout } = await cluster.nodes[0]!.exec("ps", ["-e", "-o", "args"]);
      return stdout.includes("sleep 1000") ? true : undefined;
    });
    expect((await cluster.processes()).map((process) => process.name)).toContain("node-1/beat");
  });
});
