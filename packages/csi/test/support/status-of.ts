import { KxError } from "@kx/core";

/** The status of a call, such as `NOT_FOUND`; `OK` if it does not fail. */
export async function statusOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "OK";
  } catch (error) {
    return KxError.from(error).code.replace("KX_GRPC_", "");
  }
}
