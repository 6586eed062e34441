import type { ServerResponse } from "node:http";

/** Error codes of the OCI distribution specification that a read-only registry has use for. */
export type OciErrorCode =
  | "BLOB_UNKNOWN"
  | "MANIFEST_UNKNOWN"
  | "NAME_INVALID"
  | "NAME_UNKNOWN"
  | "UNAUTHORIZED"
  | "UNSUPPORTED"
  | "RANGE_INVALID"
  | "UNKNOWN";

/** Answers with a JSON document. */
export function sendJson(res: ServerResponse, status: number, body: unknown): void {
  const bytes = Buffer.from(JSON.stringify(body));
  res.writeHead(status, { "Content-Type": "application/json", "Content-Length": bytes.length });
  res.end(res.req.method === "HEAD" ? undefined : bytes);
}

/** Answers with an error in the specification's form. */
export function sendError(res: ServerResponse, status: number, code: OciErrorCode, message: string): void {
  sendJson(res, status, { errors: [{ code, message, detail: null }] });
}
