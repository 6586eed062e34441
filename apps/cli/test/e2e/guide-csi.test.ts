// docs/guides/csi.md as a reader follows it: each of its files is written, each of its commands run, in its order, from `npm init`
// to a pod with a volume. Only the registry is another: the packages come from this checkout.
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const execute = promisify(execFile);
const repository = join(import.meta.dirname, "../../../..");
const socket = "/run/folders/csi.sock";

interface Step {
  readonly line: number;
  /** A file to write, or commands with the lines that they are said to print. */
  readonly file?: { readonly name: string; readonly text: string };
  readonly commands?: readonly { readonly command: string; readonly prints: readonly string[] }[];
}

/** The code blocks of a guide, in order. A block of a file follows a paragraph that names the file last. */
function stepsOf(markdown: string): readonly Step[] {
  const blocks = [...markdown.matchAll(/^```(\w+)(?: ignore)?\n([\s\S]*?)^```$/gm)];
  return blocks.map(({ 1: language = "", 2: text = "", index }) => {
    const before = markdown.slice(0, index);
    const line = before.split("\n").length;
    if (language !== "console") {
      const paragraph = before.trimEnd().split("\n\n").at(-1) ?? "";
      const name = [...paragraph.matchAll(/`([\w-]+\.(?:ts|yaml))`/g)].at(-1)?.[1];
      if (name === undefined) throw new Error(`line ${line}: no file is named for this block`);
      return { line, file: { name, text } };
    }
    const commands = text.split(/^\$ /m).slice(1);
    return {
      line,
      commands: commands.map((one) => {
        const [command = "", ...prints] = one.trimEnd().split("\n");
        return { command, prints };
      }),
    };
  });
}

describe("the guide to a CSI driver of one's own", () => {
  let parent: string;
  let project: string;
  let packs: readonly string[];
  let server: ChildProcess | undefined;
  let served = "";

  const env = () => ({
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(npm_|INIT_CWD|VITEST|NODE_)/i.test(name))),
    PATH: `${dirname(process.execPath)}:${process.env["PATH"]}`,
    KX_DIR: join(parent, "c"),
    npm_config_prefer_offline: "true",
    npm_config_audit: "false",
    npm_config_fund: "false",
  });
  /** As the packages would be found in a registry, with those that they need. */
  const fromHere = (command: string) => {
    const packOf = (name: string) => packs.find((one) => one.includes(`/kx-${name}-`)) ?? name;
    const named = command.replaceAll(/@kx\/([a-z]+)/g, (_, name: string) => packOf(name));
    return command.includes("@kx/cli") ? `${named} ${packOf("cni")}` : named;
  };
  const shell = async (command: string): Promise<string> => {
    const asRoot = command.replaceAll(/\bsudo /g, "");
    const given = asRoot.startsWith("npm install") ? fromHere(asRoot) : asRoot;
    const cwd = existsSync(project) ? project : parent;
    const { stdout, stderr } = await execute("bash", ["-euo", "pipefail", "-c", given], {
      cwd,
      env: env(),
      maxBuffer: 64 * 1024 ** 2,
    }).catch(async (error: Error & { stdout: string; stderr: string }) => {
      throw new Error([command, error.stdout, error.stderr, served, await clusterState(command)].join("\n"));
    });
    return `${stdout}${stderr}`;
  };
  /** What there is to see when something did not come up. */
  const clusterState = async (command: string): Promise<string> => {
    if (!command.includes("kubectl")) return "";
    const asked = [
      "npx kx kubectl get pods,pvc,pv,csinodes -A -o wide",
      "npx kx kubectl get events -A",
      "npx kx kubectl logs daemonset/folders-csi -n folders-csi --tail=40",
      "npx kx csi doctor",
    ];
    const told = asked.map((one) =>
      execute("bash", ["-c", one], { cwd: project, env: env() }).then(
        ({ stdout }) => stdout,
        (error: Error & { stdout: string }) => `${error.message}\n${error.stdout}`,
      ),
    );
    return (await Promise.all(told)).join("\n");
  };
  /** The driver of step 3 runs beside what follows, as in a second terminal. */
  const serve = async (command: string): Promise<void> => {
    server = spawn("bash", ["-c", `exec env ${command.replaceAll(/\bsudo /g, "")}`], { cwd: project, env: env() });
    for (const stream of [server.stdout, server.stderr]) stream?.on("data", (text) => (served += String(text)));
    await expect.poll(() => served, { timeout: 30_000 }).toContain("driver ready");
  };
  const endServer = async (): Promise<void> => {
    if (server === undefined) return;
    const ended = once(server, "exit");
    server.kill("SIGTERM");
    const [code] = (await ended) as [number | null];
    server = undefined;
    expect(code, served).toBe(0);
  };

  beforeAll(async () => {
    parent = await mkdtemp(join(tmpdir(), "kxg-"));
    project = join(parent, "folders-csi");
    const folder = join(parent, "packs");
    await mkdir(folder);
    const names = ["core", "controllers", "csi", "cluster", "cni", "cli"].flatMap((name) => ["-w", `@kx/${name}`]);
    await execute("npm", ["pack", ...names, "--pack-destination", folder], { cwd: repository, env: env() });
    packs = (await readdir(folder)).map((name) => join(folder, name));
  }, 300_000);
  afterAll(async () => {
    server?.kill("SIGKILL");
    await execute(process.execPath, [join(repository, "apps/cli/bin/kx.mjs"), "down"], { env: env() });
    await rm(parent, { recursive: true, force: true });
    await rm(dirname(socket), { recursive: true, force: true });
  }, 120_000);

  it("does what it says, from an empty folder to a pod with a volume", { timeout: 900_000 }, async () => {
    const steps = stepsOf(await readFile(join(repository, "docs/guides/csi.md"), "utf8"));
    const ran: string[] = [];
    for (const { line, file, commands = [] } of steps) {
      if (file !== undefined) await writeFile(join(project, file.name), file.text);
      for (const { command, prints } of commands) {
        ran.push(command);
        // These make the packages where there is no registry, as the test has done.
        if (/^npm (?:ci|pack)/.test(command)) continue;
        if (command.startsWith("sudo csi-sanity")) continue;
        if (command.includes("CSI_ENDPOINT=")) {
          await serve(command);
          continue;
        }
        if (command === "node folders.ts manifests") await endServer();
        const said =
          command === "mkdir folders-csi && cd folders-csi" ? String(await mkdir(project)) : await shell(command);
        for (const printed of prints) expect(said, `line ${line}: ${command}`).toContain(printed);
      }
    }
    // Each part of the guide was there.
    for (const part of ["npm init -y", "sudo node try.ts", "node image.ts", "sudo npx kx up", "cat /data/note"]) {
      expect(
        ran.some((one) => one.includes(part)),
        part,
      ).toBe(true);
    }
    expect(existsSync(join(parent, "c"))).toBe(false);
  });
});
