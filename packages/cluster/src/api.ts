import { Agent, type RequestOptions, request } from "node:https";
import type { KeyPair } from "./pki.ts";

/** The few requests that a cluster makes itself while it starts; not a client (that is @kx/controllers). */
export interface ApiAccess {
  get(path: string): Promise<ApiAnswer>;
  post(path: string, body: unknown): Promise<ApiAnswer>;
  close(): void;
}

export interface ApiAnswer {
  /** 0 when there was no answer. */
  readonly status: number;
  readonly body: string;
}

export function apiAccess(server: string, ca: string, pair: KeyPair): ApiAccess {
  const agent = new Agent({ keepAlive: true, ca, cert: pair.cert, key: pair.key });
  const call = (method: string, path: string, body?: string): Promise<ApiAnswer> =>
    new Promise((resolve) => {
      const options: RequestOptions = {
        method,
        agent,
        timeout: 5000,
        headers: body === undefined ? {} : { "content-type": "application/json" },
      };
      const none = (error: Error): void => resolve({ status: 0, body: error.message });
      const req = request(new URL(path, server), options, (res) => {
        const chunks: Buffer[] = [];
        res.on("data", (chunk: Buffer) => chunks.push(chunk));
        res.on("error", none);
        res.on("end", () => resolve({ status: res.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
      });
      req.on("error", none);
      req.on("timeout", () => req.destroy(new Error("no answer in 5 s")));
      req.end(body);
    });
  return {
    get: (path) => call("GET", path),
    post: (path, body) => call("POST", path, JSON.stringify(body)),
    close: () => agent.destroy(),
  };
}
