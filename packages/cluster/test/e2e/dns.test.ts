import { startCluster } from "@kx/cluster";
import { expect, it } from "vitest";
import { busyboxPod, eventually, kubectl, runPod } from "./eventually.ts";

it("resolves services by name with CoreDNS", { timeout: 900_000 }, async () => {
  await using cluster = await startCluster({ dns: true });
  await runPod(cluster, busyboxPod("web", "default", ["httpd", "-f", "-p", "80"]));
  await kubectl(cluster, ["expose", "pod/web", "--port=80"]);
  await runPod(cluster, busyboxPod("client", "default", ["sleep", "1000"]));
  const ip = await kubectl(cluster, ["get", "svc/web", "-o", "jsonpath={.spec.clusterIP}"]);
  const answer = await eventually(() =>
    kubectl(cluster, ["exec", "client", "--", "nslookup", "web.default.svc.cluster.local"]),
  );
  expect(answer).toContain(ip);
});
