/** What one request or one new connection authenticates with. */
export interface Credentials {
  /** Request headers, usually `authorization`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Client certificate and key, PEM; used when a connection is made. */
  readonly cert?: string;
  readonly key?: string;
}

/** How to reach an API server. `loadKubeconfig` and `inClusterConfig` make one. */
export interface ClientConfig {
  /** `https://host:port`, or `http://` for a server that speaks HTTP/2 without TLS. */
  readonly server: string;
  /** PEM certificates that sign the server's; default: those of Node. */
  readonly ca?: string;
  /** Name to expect in the server's certificate; default: the host of `server`. */
  readonly tlsServerName?: string;
  /** Accepts any certificate of the server. For experiments only. */
  readonly insecureSkipTlsVerify?: boolean;
  /** Asked before each request; with `refresh` after the server answered 401, then nothing old may come back. */
  readonly credentials?: (options: { readonly refresh: boolean }) => Promise<Credentials>;
  /** The namespace that the configuration prefers. */
  readonly namespace?: string;
  /** Where it came from, for messages. */
  readonly origin?: string;
}
