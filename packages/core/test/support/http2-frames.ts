/** A generator of whole numbers below its argument, the same for the same seed. */
export type Random = (below: number) => number;

/** Mulberry32: small, and good enough to choose by. */
export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.trunc((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** What a client begins with. */
export const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/** One frame of HTTP/2 (RFC 9113 section 4.1). */
export function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length & 0xffffff, 0, 3);
  head.writeUInt8(type & 0xff, 3);
  head.writeUInt8(flags & 0xff, 4);
  head.writeUInt32BE(stream >>> 0, 5);
  return Buffer.concat([head, payload]);
}

/** A header block of literals without index (RFC 7541 section 6.2.2); names and values shorter than 127 bytes. */
export function literalHeaders(headers: readonly (readonly [name: string, value: string])[]): Buffer {
  return Buffer.concat(
    headers.flatMap(([name, value]) => [
      Buffer.from([0, Buffer.byteLength(name)]),
      Buffer.from(name),
      Buffer.from([Buffer.byteLength(value)]),
      Buffer.from(value),
    ]),
  );
}

const paths = ["Unary", "Count", "Join", "Chat", "Missing"].map((name) => `/kx.test.v1.Echo/${name}`);
const oddPaths = ["/", "/x%", "//", "/kx.test.v1.Echo/", "/kx.test.v1.Echo/unary", "/?a#b"];
const types = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  push: 5,
  ping: 6,
  goaway: 7,
  window: 8,
  continuation: 9,
};
const [end, endHeaders] = [1, 4];

/**
 * A connection's worth of frames: calls, each with headers, messages and an end. In some conversations every frame is as
 * HTTP/2 wants it and only what gRPC makes of it is odd; in others more or fewer frames are broken.
 */
export function hostileBytes(random: Random): { readonly bytes: Buffer; readonly count: number } {
  const pick = <T>(items: readonly T[]): T => items[random(items.length)] as T;
  const noise = (length: number) => Buffer.from(Array.from({ length }, () => random(256)));
  const brokenPercent = pick([0, 0, 2, 10, 40]);
  const isBroken = () => random(100) < brokenPercent;

  const open = (stream: number): Buffer => {
    const headers: [string, string][] = [
      [":method", isBroken() ? pick(["GET", "", "POST\u0000"]) : "POST"],
      [":scheme", isBroken() ? "" : "http"],
      [":path", isBroken() ? pick(["", "*", "/\u00e9"]) : random(10) === 0 ? pick(oddPaths) : pick(paths)],
      [":authority", isBroken() ? pick(["", "/x", "\u0001"]) : "localhost"],
      ["content-type", random(10) === 0 ? pick(["text/plain", "application/grpc+json"]) : "application/grpc"],
      ["te", "trailers"],
    ];
    if (random(4) === 0) headers.push(["grpc-timeout", pick(["1n", "99999999H", "-1S", "abc", "1m", "0u"])]);
    if (random(6) === 0) headers.push(["grpc-encoding", pick(["gzip", "deflate", "br", "identity"])]);
    if (random(6) === 0) headers.push(["x-bin", pick(["", "!", "AA=="])]);
    if (isBroken()) headers.push([pick(["X-Upper", "", ":late", "connection"]), "x"]);
    if (isBroken()) headers.splice(random(headers.length), 1);
    const block = literalHeaders(headers);
    if (isBroken()) block[random(block.length)] = random(256);
    return frame(types.headers, isBroken() ? random(64) : endHeaders | (random(8) === 0 ? end : 0), stream, block);
  };

  const data = (stream: number, isLast: boolean): Buffer => {
    const body = random(4) === 0 ? noise(random(40)) : Buffer.from([0x0a, 2, 0x68, 0x69, 0x10, random(128)]);
    const head = Buffer.alloc(5);
    head.writeUInt8(random(8) === 0 ? random(256) : 0, 0);
    head.writeUInt32BE(random(8) === 0 ? random(2 ** 32) : body.length, 1);
    return frame(types.data, isBroken() ? random(256) : isLast ? end : 0, stream, Buffer.concat([head, body]));
  };

  const broken = (stream: number): Buffer => {
    switch (random(6)) {
      case 0:
        return frame(types.reset, 0, stream, noise(random(8)));
      case 1:
        return frame(types.window, 0, random(2) * stream, noise(random(8)));
      case 2:
        return frame(pick(Object.values(types)), random(256), random(3) === 0 ? stream : 0, noise(random(24)));
      case 3:
        return frame(random(256), random(256), random(2 ** 32), noise(random(64)));
      case 4:
        return data(random(64), random(2) === 0);
      default:
        return noise(random(30));
    }
  };

  const parts = [preface, frame(types.settings, 0, 0, isBroken() ? noise(6 * random(8)) : undefined)];
  const streams = 1 + random(12);
  for (let stream = 1; stream < 2 * streams; stream += 2) {
    parts.push(open(stream));
    for (let left = random(4); left >= 0; left -= 1) parts.push(data(stream, left === 0 && random(8) > 0));
    if (random(8) === 0) parts.push(frame(types.reset, 0, stream, Buffer.from([0, 0, 0, random(14)])));
    if (random(8) === 0) parts.push(frame(types.ping, 0, 0, noise(8)));
    if (random(8) === 0) parts.push(frame(types.window, 0, 0, Buffer.from([0, 0, 0, 1 + random(255)])));
    if (isBroken()) parts.push(broken(stream));
  }
  const bytes = Buffer.concat(parts);
  return { bytes: random(10) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes, count: parts.length };
}
