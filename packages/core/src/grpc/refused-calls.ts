import type { Http2Server, ServerHttp2Session } from "node:http2";
import type { Server } from "@grpc/grpc-js";
import type { Logger } from "../context.ts";

/** How often a session that has handed over no call yet is looked at. */
const lookMs = 1000;

/**
 * Tells of calls that never reach the server: Node's HTTP/2 resets a call whose `:authority` is a path, empty or absent
 * before anybody hears of it. All that shows is a session that has taken up streams and has handed none over.
 */
export function watchRefusedCalls(server: Server, log: Logger): void {
  for (const http2Server of http2ServersOf(server)) {
    http2Server.on("session", (session) => watch(session, log));
    http2Server.on("sessionError", (error: Error) => log.debug({ err: error }, "connection failed"));
  }
}

/** grpc-js keeps its HTTP/2 servers to itself; without them there is no telling, and nothing else is lost. */
function http2ServersOf(server: Server): readonly Http2Server[] {
  const servers: unknown = Reflect.get(server, "http2Servers");
  return servers instanceof Map ? [...servers.keys()] : [];
}

function watch(session: ServerHttp2Session, log: Logger): void {
  let isDone = false;
  const look = (): void => {
    const taken = isDone || session.destroyed ? 0 : (session.state.lastProcStreamID ?? 0);
    if (taken === 0) return;
    done();
    log.warn(
      { remedy: "let the client send authority localhost, as kubelets since 1.26 do" },
      "calls refused before they reached the server, most likely since their :authority is a path or empty",
    );
  };
  const timer = setInterval(look, lookMs).unref();
  const done = (): void => {
    isDone = true;
    clearInterval(timer);
  };
  session.once("stream", done);
  session.once("close", done);
  // Most refused clients leave at once, and no event comes while there is still something to look at.
  const close = session.close.bind(session);
  const destroy = session.destroy.bind(session);
  session.close = (...args) => {
    look();
    close(...args);
  };
  session.destroy = (...args) => {
    look();
    destroy(...args);
  };
}
