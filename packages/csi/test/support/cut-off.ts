import { readFile, writeFile } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";

/** A way to an API server that a test can cut. */
export interface CuttableWay extends AsyncDisposable {
  /** A kubeconfig that leads along it. */
  readonly kubeconfig: string;
  /** Breaks all connections, and refuses new ones. */
  cut(): Promise<void>;
  join(): Promise<void>;
}

/** Makes one for a kubeconfig, beside it. */
export async function cuttableWay(kubeconfig: string): Promise<CuttableWay> {
  const text = await readFile(kubeconfig, "utf8");
  const server = /https:\/\/[^\s"]+/.exec(text)?.[0] ?? "";
  const { hostname, port } = new URL(server);
  const sockets = new Set<Socket>();
  let listener: Server | undefined;
  let at = 0;
  const join = async () => {
    const opened = createServer((near) => {
      const far = connect(Number(port), hostname);
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        sockets.add(one);
        one.on("error", () => other.destroy());
        one.on("close", () => {
          sockets.delete(one);
          other.destroy();
        });
        one.pipe(other);
      }
    });
    await new Promise<void>((resolve) => opened.listen(at, "127.0.0.1", resolve));
    const address = opened.address();
    at = typeof address === "object" && address !== null ? address.port : 0;
    listener = opened;
  };
  const cut = async () => {
    const closed = new Promise((resolve) => listener?.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  await join();
  const path = `${kubeconfig}.cuttable`;
  await writeFile(path, text.replaceAll(server, `https://127.0.0.1:${at}`), { mode: 0o600 });
  return { kubeconfig: path, cut, join, [Symbol.asyncDispose]: cut };
}
