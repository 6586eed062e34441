import { type Incoming, startServer, type TestServer } from "./http2-server.ts";

/** A watch that a test feeds. */
export interface ScriptedWatch {
  readonly query: URLSearchParams;
  send(type: string, object: unknown): void;
  sendText(text: string): void;
  end(): void;
  /** Cuts the connection under it. */
  cut(): void;
}

/** An API server for one resource, which says what a test tells it to say. */
export interface ScriptedApi extends AsyncDisposable {
  readonly url: string;
  /** What a list answers; a test replaces it. */
  list: (query: URLSearchParams) => { readonly status?: number; readonly body: unknown };
  /** Whether it sends lists by watches. Default: false. */
  streams: boolean;
  /** Lists asked for so far. */
  readonly lists: readonly URLSearchParams[];
  /** The next watch that comes in. */
  nextWatch(): Promise<ScriptedWatch>;
}

export async function scriptedApi(): Promise<ScriptedApi> {
  const lists: URLSearchParams[] = [];
  const waiting: ((watch: ScriptedWatch) => void)[] = [];
  const arrived: ScriptedWatch[] = [];
  const server: TestServer = await startServer((request) => {
    if (request.query.has("sendInitialEvents") && !api.streams) {
      const message = "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled";
      request.json(422, { kind: "Status", code: 422, reason: "Invalid", message });
      return;
    }
    if (request.query.get("watch") === "true") {
      const watch = scriptedWatch(request);
      const waiter = waiting.shift();
      if (waiter === undefined) arrived.push(watch);
      else waiter(watch);
      return;
    }
    lists.push(request.query);
    const { status = 200, body } = api.list(request.query);
    request.json(status, body);
  });
  const api: ScriptedApi = {
    url: server.url,
    list: () => ({ body: { metadata: { resourceVersion: "1" }, items: [] } }),
    streams: false,
    lists,
    nextWatch: () => {
      const watch = arrived.shift();
      return watch === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(watch);
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
  return api;
}

function scriptedWatch({ stream, query, session }: Incoming): ScriptedWatch {
  stream.respond({ ":status": 200, "content-type": "application/json" });
  return {
    query,
    send: (type, object) => void stream.write(`${JSON.stringify({ type, object })}\n`),
    sendText: (text) => void stream.write(text),
    end: () => void stream.end(),
    cut: () => session.destroy(),
  };
}
