import { randomBytes } from "node:crypto";
import { Namespace } from "../api/gen/core-v1.ts";
import type { Client } from "../client/client.ts";

/** A namespace that goes with its test. */
export interface TestNamespace extends AsyncDisposable {
  readonly name: string;
}

/** Creates a namespace; disposing starts its deletion, and does not wait for it. `prefix` defaults to `test`. */
export async function testNamespace(client: Client, prefix = "test"): Promise<TestNamespace> {
  const name = `${prefix}-${randomBytes(4).toString("hex")}`;
  await client.create(Namespace, { metadata: { name } });
  return {
    name,
    [Symbol.asyncDispose]: () => client.delete(Namespace, { name }),
  };
}
