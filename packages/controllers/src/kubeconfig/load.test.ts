import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { fakeClock } from "@kx/core/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { inClusterConfig } from "./in-cluster.ts";
import { loadKubeconfig } from "./load.ts";

const pemText = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n";
const base64 = Buffer.from(pemText).toString("base64");

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "kx-kubeconfig-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function write(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
  return path;
}

const kubeconfig = (cluster: string, user: string, context = "cluster: c, user: u, namespace: mine") => `
apiVersion: v1
kind: Config
current-context: main
contexts: [{ name: main, context: { ${context} } }]
clusters: [{ name: c, cluster: { ${cluster} } }]
users: [{ name: u, user: { ${user} } }]
`;

describe("loadKubeconfig", () => {
  it("reads certificates from data and from files beside the kubeconfig", async () => {
    await write("sub/pki/client.crt", `cert ${pemText}`);
    await write("sub/pki/client.key", `key ${pemText}`);
    const cluster = `server: "https://h:6443/", certificate-authority-data: ${base64}, tls-server-name: api`;
    const user = "client-certificate: pki/client.crt, client-key: pki/client.key";
    const path = await write("sub/config", kubeconfig(cluster, user));
    const config = await loadKubeconfig({ path });
    expect(config).toMatchObject({
      server: "https://h:6443",
      ca: pemText,
      tlsServerName: "api",
      namespace: "mine",
      origin: path,
    });
    expect(await config.credentials?.({ refresh: false })).toEqual({ cert: `cert ${pemText}`, key: `key ${pemText}` });
  });

  it("merges the files of KUBECONFIG, the first of a name winning", async () => {
    const first = await write("first", kubeconfig('server: "https://first"', "token: a"));
    const second = await write(
      "second",
      kubeconfig('server: "https://second"', "token: b").replace("name: main", "name: other"),
    );
    const env = { KUBECONFIG: `${first}:${second}` };
    expect((await loadKubeconfig({ env })).server).toBe("https://first");
    const other = await loadKubeconfig({ env, context: "other" });
    expect(await other.credentials?.({ refresh: false })).toEqual({ headers: { authorization: "Bearer a" } });
  });

  it("reads a token file again after a minute, or when asked for a fresh one", async () => {
    const token = await write("token", "one\n");
    const path = await write("config", kubeconfig('server: "https://h"', "tokenFile: token"));
    const clock = fakeClock();
    const { credentials } = await loadKubeconfig({ path, clock });
    const ask = async (refresh: boolean) => (await credentials?.({ refresh }))?.headers?.["authorization"];
    expect(await ask(false)).toBe("Bearer one");
    await writeFile(token, "two\n");
    expect(await ask(false)).toBe("Bearer one");
    await clock.advance(60_000);
    expect(await ask(false)).toBe("Bearer two");
    await writeFile(token, "three");
    expect(await ask(true)).toBe("Bearer three");
    await rm(token);
    expect(await ask(true)).toBe("Bearer three");
  });

  it("gets credentials from a program", async () => {
    const program = await write(
      "login.sh",
      `#!/bin/sh\necho '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"from-program"}}'\n`,
    );
    const user = `exec: { apiVersion: client.authentication.k8s.io/v1, command: sh, args: ["${program}"], interactiveMode: Never }`;
    const path = await write("config", kubeconfig('server: "https://h"', user));
    const { credentials } = await loadKubeconfig({ path });
    expect((await credentials?.({ refresh: false }))?.headers).toEqual({ authorization: "Bearer from-program" });
  });

  it.each([
    ["not YAML", "{", /config: not YAML/],
    ["not a mapping", "7", /config: not a kubeconfig/],
    ["no context", "clusters: []", /no current-context/],
    [
      "unknown context",
      kubeconfig("", "").replace("current-context: main", "current-context: mian"),
      /there is no context "mian" \(did you mean "main"/,
    ],
    ["unknown cluster", kubeconfig("", "", "cluster: remote"), /there is no cluster "remote" \(it has c\)/],
    ["unknown user", kubeconfig("server: 'https://h'", "", "cluster: c, user: x"), /there is no user "x"/],
    ["no server", kubeconfig("", ""), /server undefined/],
    [
      "bad base64",
      kubeconfig("server: 'https://h', certificate-authority-data: zzzz", ""),
      /certificate-authority-data is not PEM/,
    ],
    [
      "missing CA",
      kubeconfig("server: 'https://h', certificate-authority: nope.crt", ""),
      /certificate-authority: cannot read .*nope\.crt/,
    ],
    [
      "certificate without key",
      kubeconfig("server: 'https://h'", `client-certificate-data: ${base64}`),
      /has no client-key/,
    ],
    ["token that is a number", kubeconfig("server: 'https://h'", "token: 7"), /token is no text/],
    ["a proxy", kubeconfig("server: 'https://h', proxy-url: 'http://p'", ""), /KX_KUBECONFIG_UNSUPPORTED.*proxy-url/],
  ])("explains a kubeconfig with %s", async (_, text, message) => {
    const path = await write("config", text);
    await expect(loadKubeconfig({ path })).rejects.toThrow(message);
    await expect(loadKubeconfig({ path })).rejects.toThrow(path);
  });

  it("explains a path that does not exist, and the lack of any configuration", async () => {
    await expect(loadKubeconfig({ path: join(folder, "nope") })).rejects.toMatchObject({
      code: "KX_KUBECONFIG_NOT_FOUND",
    });
    await expect(loadKubeconfig({ env: { HOME: folder } })).rejects.toThrow(
      /KUBERNETES_SERVICE_HOST.*path of a kubeconfig/,
    );
  });

  it("does not load @kubernetes/client-node without need", async () => {
    const path = await write("config", kubeconfig('server: "https://h"', "token: a"));
    const program = `
      import { registerHooks } from "node:module";
      registerHooks({ load: (url, context, next) => (console.log(url), next(url, context)) });
      const { loadKubeconfig } = await import(${JSON.stringify(new URL("./load.ts", import.meta.url).href)});
      await loadKubeconfig({ path: ${JSON.stringify(path)} });
    `;
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", program]);
    expect(stdout).toContain("/kubeconfig/load.ts");
    expect(stdout).not.toContain("client-node");
  });
});

describe("inClusterConfig", () => {
  it("uses the service account's files", async () => {
    await write("ca.crt", pemText);
    await write("token", "pod-token");
    await write("namespace", "pods\n");
    const env = { KUBERNETES_SERVICE_HOST: "fd00::1", KUBERNETES_SERVICE_PORT: "443" };
    const config = await inClusterConfig({ env, folder });
    expect(config).toMatchObject({ server: "https://[fd00::1]:443", ca: pemText, namespace: "pods" });
    expect(await config.credentials?.({ refresh: false })).toEqual({ headers: { authorization: "Bearer pod-token" } });
  });
});
