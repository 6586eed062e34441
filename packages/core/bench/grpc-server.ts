// The server that bench/grpc.ts measures, in a process of its own: logging at info, as in production. Ends with its
// standard input.
import { createGrpcServer } from "@kx/core/grpc";
import { createLogger } from "@kx/core/log";
import { Echo } from "../test/support/echo/gen/echo_pb.ts";

const [, , path = ""] = process.argv;
const server = createGrpcServer({ log: createLogger({ level: "warn" }) }).add(Echo, {
  unary: ({ text, number, payload }, { deadline }) => ({ text, number, payload, deadlineMs: BigInt(deadline ?? 0) }),
});
await server.listen(path);
process.stdin.resume().once("end", () => void server.stop({ graceMs: 0 }));
