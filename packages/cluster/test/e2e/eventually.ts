import type { ControlPlane } from "@kx/cluster";

/** Repeats until `attempt` returns something, and tells what it last threw when the deadline passes. */
export async function eventually<T>(attempt: () => Promise<T | undefined>, timeoutMs = 30_000): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  let last: unknown = "nothing yet";
  for (;;) {
    try {
      const value = await attempt();
      if (value !== undefined) return value;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline) throw new Error(`not in ${timeoutMs} ms; last: ${String(last)}`, { cause: last });
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** kubectl's output, or an error with its words. */
export async function kubectl(cluster: ControlPlane, args: readonly string[], input?: unknown): Promise<string> {
  const options = input === undefined ? {} : { input: JSON.stringify(input) };
  const { exitCode, stdout, stderr } = await cluster.kubectl(args, options);
  if (exitCode !== 0) throw new Error(`kubectl ${args.join(" ")}: ${stderr.trim()}`);
  return stdout.trim();
}

/** A pod of one busybox container. */
export function busyboxPod(
  name: string,
  namespace: string,
  command: readonly string[],
  spec: Record<string, unknown> = {},
  container: Record<string, unknown> = {},
): Record<string, unknown> {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace, labels: { app: name } },
    spec: {
      terminationGracePeriodSeconds: 0,
      restartPolicy: "Never",
      containers: [{ name: "main", image: "busybox:latest", command, ...container }],
      ...spec,
    },
  };
}

/** Makes a pod and waits until it is Ready. */
export async function runPod(cluster: ControlPlane, pod: Record<string, unknown>): Promise<void> {
  const { name, namespace } = pod["metadata"] as { name: string; namespace: string };
  await kubectl(cluster, ["apply", "-f", "-"], pod);
  await kubectl(cluster, ["wait", "--for=condition=Ready", `pod/${name}`, "-n", namespace, "--timeout=60s"]).catch(
    async (error: Error) => {
      const why = await kubectl(cluster, ["describe", "pod", name, "-n", namespace]);
      throw new Error(`${error.message}\n${why}`, { cause: error });
    },
  );
}
