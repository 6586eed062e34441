import { chmod } from "node:fs/promises";
import { createServer, request, type Server } from "node:http";
import { KxError, type KxErrorCode } from "@kx/core";
import type { Control, Power } from "./handle.ts";
import { isUp, openCluster } from "./handle.ts";
import { layoutOf } from "./layout.ts";
import type { Endpoint } from "./relay.ts";
import { isRunning, readState } from "./state.ts";
import type { Cluster, ClusterProcess, SupervisedProgram } from "./types.ts";

type Call =
  | { readonly call: "restart"; readonly component: string }
  | { readonly call: "power"; readonly node: string; readonly to: Power }
  | { readonly call: "forward"; readonly listen: Endpoint; readonly dial: Endpoint }
  | { readonly call: "addImages"; readonly archive: string }
  | { readonly call: "supervise"; readonly program: SupervisedProgram; readonly node?: string }
  | { readonly call: "processes" }
  | { readonly call: "stop" };

interface Answer {
  readonly value?: unknown;
  readonly error?: { readonly code: KxErrorCode; readonly reason: string; readonly remedy?: string };
}

/** Serves a cluster's controls on its socket (mode 0600 in a 0700 folder). */
export async function serveControl(path: string, control: Control): Promise<Server> {
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on("data", (chunk: Buffer) => chunks.push(chunk));
    req.on("end", () => {
      answer(control, Buffer.concat(chunks).toString()).then(
        (value) => res.end(JSON.stringify((value === undefined ? {} : { value }) satisfies Answer)),
        (thrown: unknown) => {
          const { code, reason, remedy } = KxError.from(thrown);
          res.end(JSON.stringify({ error: { code, reason, ...(remedy === undefined ? {} : { remedy }) } }));
        },
      );
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  await chmod(path, 0o600);
  return server;
}

async function answer(control: Control, text: string): Promise<unknown> {
  const call = JSON.parse(text) as Call;
  switch (call.call) {
    case "restart":
      await control.restart(call.component);
      return undefined;
    case "power":
      await control.power(call.node, call.to);
      return undefined;
    case "forward":
      return control.forward(call.listen, call.dial);
    case "addImages":
      await control.addImages(call.archive);
      return undefined;
    case "supervise":
      await control.supervise(call.program, call.node);
      return undefined;
    case "processes":
      return control.processes();
    case "stop":
      await control.stop();
      return undefined;
  }
}

/**
 * Opens a cluster that another process owns (`kx up`, or a test run's set-up).
 *
 * @throws KxError KX_CLUSTER_NOT_RUNNING if nothing runs there.
 */
export async function connectCluster(dir: string): Promise<Cluster> {
  const state = await readState(dir);
  if (state === undefined || !isUp(state) || !(await isRunning(state))) {
    throw new KxError("KX_CLUSTER_NOT_RUNNING", `no cluster is running in ${dir}`, {
      remedy: "start one with `kx up`, or name its folder with --dir",
    });
  }
  return openCluster(dir, state, remoteControl(layoutOf(dir).controlSocket));
}

function remoteControl(socketPath: string): Control {
  const send = (call: Call): Promise<unknown> =>
    new Promise((resolve, reject) => {
      // A kept connection would keep the owner alive after its cluster's end.
      const req = request({ socketPath, method: "POST", path: "/", agent: false }, (res) => {
        const chunks: Buffer[] = [];
        res.on("data", (chunk: Buffer) => chunks.push(chunk));
        res.on("error", reject);
        res.on("end", () => {
          const { value, error } = JSON.parse(Buffer.concat(chunks).toString()) as Answer;
          if (error === undefined) return resolve(value);
          const { code, reason, remedy } = error;
          reject(new KxError(code, reason, remedy === undefined ? {} : { remedy }));
        });
      });
      req.on("error", (cause) =>
        reject(
          new KxError("KX_CLUSTER_NOT_RUNNING", `the cluster's owner does not answer at ${socketPath}`, {
            cause,
            remedy: "stop what is left of it with `kx down`",
          }),
        ),
      );
      req.end(JSON.stringify(call));
    });
  return {
    restart: async (component) => void (await send({ call: "restart", component })),
    power: async (node, to) => void (await send({ call: "power", node, to })),
    forward: async (listen, dial) => (await send({ call: "forward", listen, dial })) as string,
    addImages: async (archive) => void (await send({ call: "addImages", archive })),
    supervise: async (program, node) =>
      void (await send({ call: "supervise", program, ...(node === undefined ? {} : { node }) })),
    processes: async () => (await send({ call: "processes" })) as readonly ClusterProcess[],
    stop: async () => void (await send({ call: "stop" })),
  };
}
