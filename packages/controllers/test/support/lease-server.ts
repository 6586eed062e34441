import type { Lease, LeaseSpec } from "../../src/api/gen/coordination-v1.ts";
import type { Transport, TransportResponse } from "../../src/transport/transport.ts";

/** An API server that keeps one Lease, with optimistic concurrency, and can be made to fail. Answers without real time. */
export interface LeaseServer {
  /** How clients reach it. */
  readonly transport: Transport;
  /** The present spec of the lease; undefined if there is none. */
  readonly spec: LeaseSpec | undefined;
  /** All holders that were written, in order. */
  readonly holders: readonly string[];
  /** Set to make every request fail. */
  isDown: boolean;
}

export function leaseServer(): LeaseServer {
  let lease: Lease | undefined;
  let version = 0;
  const holders: string[] = [];
  const answer = (status: number, value: unknown): TransportResponse => ({
    status,
    headers: {},
    body: Buffer.from(JSON.stringify(value)),
  });
  const refuse = (code: number, reason: string) => answer(code, { kind: "Status", code, reason, message: reason });
  const store = (fresh: Lease) => {
    version += 1;
    lease = { ...fresh, metadata: { ...fresh.metadata, resourceVersion: String(version) } };
    holders.push(lease.spec?.holderIdentity ?? "");
    return answer(200, lease);
  };
  const state: LeaseServer = {
    transport: {
      async request({ method, body }) {
        if (state.isDown) return refuse(503, "ServiceUnavailable");
        if (method === "GET") return lease === undefined ? refuse(404, "NotFound") : answer(200, lease);
        const given = JSON.parse(body ?? "") as Lease;
        if (method === "POST") return lease === undefined ? store(given) : refuse(409, "AlreadyExists");
        const isCurrent = given.metadata.resourceVersion === lease?.metadata.resourceVersion;
        return isCurrent ? store(given) : refuse(409, "Conflict");
      },
      stream: () => Promise.reject(new Error("a lease is not watched")),
      [Symbol.asyncDispose]: async () => undefined,
    },
    get spec() {
      return lease?.spec;
    },
    holders,
    isDown: false,
  };
  return state;
}
