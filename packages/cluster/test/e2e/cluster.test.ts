import { X509Certificate } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { busyboxImage, writeImage } from "@kx/cluster";
import { test } from "@kx/cluster/vitest";
import { describe, expect } from "vitest";
import { busyboxPod, eventually, kubectl, runPod } from "./eventually.ts";

const nonce = (): string => Math.random().toString(36).slice(2);

describe("a cluster's nodes", () => {
  test("are Ready and run the version asked for", async ({ cluster }) => {
    const text = await kubectl(cluster, ["get", "nodes", "-o", "json"]);
    const { items } = JSON.parse(text) as { items: { status: { nodeInfo: { kubeletVersion: string } } }[] };
    expect(items.map((n) => n.status.nodeInfo.kubeletVersion)).toEqual(
      cluster.nodes.map(() => `v${cluster.kubernetesVersion}`),
    );
  });

  test("run a program inside their namespaces", async ({ cluster }) => {
    const { exitCode, stdout } = await cluster.nodes[1]!.exec("cat", ["/proc/sys/kernel/hostname"]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: "node-2\n" });
    const failing = await cluster.nodes[0]!.exec("sh", ["-c", "echo no >&2; exit 7"]);
    expect(failing).toEqual({ exitCode: 7, stdout: "", stderr: "no\n" });
  });

  test("see neither a node binary nor the checkout nor the homes of the machine's users", async ({ cluster }) => {
    const { stdout } = await cluster.nodes[0]!.exec("sh", [
      "-c",
      `ls ${process.execPath} ${process.cwd()} 2>/dev/null; which node nodejs; ls -A /root /home`,
    ]);
    expect(stdout.trim()).toBe("/home:\n\n/root:");
    expect(existsSync(process.execPath)).toBe(true);
  });

  test("cannot write the machine's files, even from a privileged pod with a hostPath", async ({
    cluster,
    namespace,
  }) => {
    const name = `kx-escape-${nonce()}`;
    const targets = [`/host${homedir()}/${name}`, `/host/etc/${name}`, `/host/var/lib/${name}`];
    const script = `for f in ${targets.join(" ")}; do echo x > $f || exit 1; done; sleep 1000`;
    await runPod(
      cluster,
      busyboxPod(
        "escape",
        namespace,
        ["sh", "-c", script],
        { volumes: [{ name: "host", hostPath: { path: "/" } }] },
        { securityContext: { privileged: true }, volumeMounts: [{ name: "host", mountPath: "/host" }] },
      ),
    );
    const seen = await kubectl(cluster, ["exec", "-n", namespace, "escape", "--", "cat", ...targets]);
    expect(seen).toBe("x\nx\nx");
    for (const target of targets) expect(existsSync(target.replace("/host", ""))).toBe(false);
  });

  test("leave the kernel's settings to the machine", async ({ cluster }) => {
    const own = readFileSync("/proc/sys/kernel/panic", "utf8");
    const set = await cluster.nodes[0]!.exec("sh", [
      "-c",
      "echo 77 > /proc/sys/kernel/panic; cat /proc/sys/kernel/panic",
    ]);
    expect(set.stdout).toBe("77\n");
    expect(readFileSync("/proc/sys/kernel/panic", "utf8")).toBe(own);
  });
});

describe("pods", () => {
  test("reach each other across nodes, by address and by Service", async ({ cluster, namespace }) => {
    const page = nonce();
    const serve = `echo ${page} > /tmp/index.html; httpd -f -p 80 -h /tmp`;
    await runPod(cluster, busyboxPod("server", namespace, ["sh", "-c", serve], { nodeName: "node-1" }));
    await runPod(cluster, busyboxPod("client", namespace, ["sleep", "1000"], { nodeName: "node-2" }));
    await kubectl(cluster, ["expose", "pod/server", "-n", namespace, "--port=80"]);
    const ip = await kubectl(cluster, ["get", "pod/server", "-n", namespace, "-o", "jsonpath={.status.podIP}"]);
    const service = await kubectl(cluster, ["get", "svc/server", "-n", namespace, "-o", "jsonpath={.spec.clusterIP}"]);
    for (const address of [ip, service]) {
      const answer = await eventually(async () =>
        kubectl(cluster, ["exec", "-n", namespace, "client", "--", "wget", "-qO-", `http://${address}/`]),
      );
      expect(answer).toBe(page);
    }
  });

  test("run images of any registry's name, always pulled, from loaded archives", async ({ cluster, namespace }) => {
    const folder = await mkdtemp(join(tmpdir(), "kx-image-"));
    const text = nonce();
    try {
      const name = `registry.example/team/tool-${text}:1`;
      const image = await busyboxImage([name], { command: ["sh", "-c", `echo ${text}; sleep 1000`] });
      await writeImage(join(folder, "tool.tar"), image);
      await cluster.loadImage(join(folder, "tool.tar"));
      const pod = busyboxPod("tool", namespace, [], {}, { image: name, command: null, imagePullPolicy: "Always" });
      await runPod(cluster, pod);
      expect(
        await eventually(async () => (await kubectl(cluster, ["logs", "-n", namespace, "tool"])) || undefined),
      ).toBe(text);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("end promptly although nginx's stand-in is PID 1", async ({ cluster, namespace }) => {
    await kubectl(cluster, ["run", "web", "-n", namespace, "--image=nginx"]);
    await kubectl(cluster, ["wait", "--for=condition=Ready", "pod/web", "-n", namespace, "--timeout=30s"]);
    const page = await kubectl(cluster, ["exec", "-n", namespace, "web", "--", "wget", "-qO-", "http://127.0.0.1/"]);
    expect(page).toMatch(/stand-in/);
    // Its grace period is 30 s: only a container that answers SIGTERM is gone before.
    await kubectl(cluster, ["delete", "pod/web", "-n", namespace, "--timeout=20s"]);
  });
});

describe("access", () => {
  test("by the administrator's certificate ends within 24 hours", async ({ cluster }) => {
    const text = await kubectl(cluster, [
      "config",
      "view",
      "--raw",
      "-o",
      "jsonpath={.users[0].user.client-certificate-data}",
    ]);
    const { validToDate, subject } = new X509Certificate(Buffer.from(text, "base64"));
    expect(subject).toContain("system:masters");
    expect(validToDate.getTime() - Date.now()).toBeLessThanOrEqual(24 * 60 * 60 * 1000);
    expect((await stat(cluster.dir)).mode & 0o777).toBe(0o700);
    expect((await stat(cluster.kubeconfig)).mode & 0o777).toBe(0o600);
  });

  test("of a user who was added is what RBAC gives the groups", async ({ cluster, namespace }) => {
    const kubeconfig = await cluster.addUser(`jane-${namespace}`, [`readers-${namespace}`]);
    const asJane = (...args: string[]) => cluster.kubectl([`--kubeconfig=${kubeconfig}`, "-n", namespace, ...args]);
    expect((await asJane("get", "pods")).stderr).toContain("forbidden");
    const binding = ["create", "rolebinding", "readers", "-n", namespace, "--clusterrole=view"];
    await kubectl(cluster, [...binding, `--group=readers-${namespace}`]);
    await eventually(async () => ((await asJane("get", "pods")).exitCode === 0 ? true : undefined));
    expect((await asJane("create", "configmap", "x")).stderr).toContain("forbidden");
  });

  test("to CRDs is there once installCrds returns", async ({ cluster }) => {
    const folder = await mkdtemp(join(tmpdir(), "kx-crd-"));
    const plural = `widgets${nonce()}`;
    const crd = {
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: `${plural}.test.kx.dev` },
      spec: {
        group: "test.kx.dev",
        scope: "Namespaced",
        names: { plural, singular: plural.slice(0, -1), kind: `Widget${plural}` },
        versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object" } } }],
      },
    };
    try {
      await writeFile(join(folder, "crd.json"), JSON.stringify(crd));
      await cluster.installCrds(join(folder, "crd.json"));
      expect(await kubectl(cluster, ["get", "--raw", `/apis/test.kx.dev/v1/${plural}`])).toContain('"items":[]');
      await kubectl(cluster, ["delete", "-f", join(folder, "crd.json")]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
