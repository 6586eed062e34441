import type { Clock, HostEnv } from "@kx/core";
import { type Cache, createCache } from "../cache/cache.ts";
import { type Client, createClient } from "../client/client.ts";
import type { ClientConfig } from "../config.ts";
import { loadKubeconfig } from "../kubeconfig/load.ts";
import { fenced } from "../leader/fence.ts";
import type { Term } from "../leader/term.ts";
import { createTransport, type Transport } from "../transport/transport.ts";

/** A cluster as all controllers of a process share it: one connection, and one informer for each selection. */
export interface SharedCluster extends AsyncDisposable {
  readonly config: ClientConfig;
  readonly cache: Cache;
  /** A client over the shared connection, whose changes are made in this name; with a term only during it. */
  clientOf(component: string, term?: Term): Client;
}

interface Opened {
  readonly config: ClientConfig;
  readonly transport: Transport;
  readonly cache: Cache;
  close(): Promise<void>;
}

interface Entry {
  readonly opened: Promise<Opened>;
  users: number;
}

// The host gives each extension an environment of its own, and core knows nothing of caches: what they have in common is
// the path of the kubeconfig and the clock (by which tests with clocks of their own are kept apart).
const entries = new WeakMap<Clock, Map<string, Entry>>();

/** Joins the others that use the same kubeconfig; the last one to dispose closes the connection. */
export async function joinCluster(env: Pick<HostEnv, "kubeconfig" | "clock" | "log">): Promise<SharedCluster> {
  const known = entries.get(env.clock) ?? new Map<string, Entry>();
  entries.set(env.clock, known);
  const key = env.kubeconfig ?? "";
  const entry = known.get(key) ?? { opened: open(env), users: 0 };
  known.set(key, entry);
  entry.users += 1;
  const leave = async (): Promise<void> => {
    entry.users -= 1;
    if (entry.users > 0) return;
    if (known.get(key) === entry) known.delete(key);
    await (await entry.opened).close();
  };
  try {
    const { config, transport, cache } = await entry.opened;
    return {
      config,
      cache,
      clientOf: (component, term) =>
        createClient(config, {
          fieldManager: component,
          userAgent: component,
          clock: env.clock,
          transport: term === undefined ? transport : fenced(transport, term),
        }),
      [Symbol.asyncDispose]: leave,
    };
  } catch (error) {
    await leave().catch(() => undefined);
    throw error;
  }
}

async function open({ kubeconfig, clock, log }: Pick<HostEnv, "kubeconfig" | "clock" | "log">): Promise<Opened> {
  const config = await loadKubeconfig({ clock, ...(kubeconfig === undefined ? {} : { path: kubeconfig }) });
  const transport = createTransport(config);
  const client = createClient(config, { clock, transport, userAgent: "kx" });
  const cache = createCache({ client, clock, log });
  const stop = new AbortController();
  const running = cache.run(stop.signal);
  return {
    config,
    transport,
    cache,
    async close() {
      stop.abort();
      await running;
      await transport[Symbol.asyncDispose]();
    },
  };
}
