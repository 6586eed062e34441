import { defineExtension, type Extension } from "@kx/core";

interface HelloOptions {
  readonly greeting: string;
}

// Any schema library that speaks Standard Schema does; this needs none.
const validate = (value: unknown) => {
  const { greeting = "hello" } = value as { greeting?: unknown };
  if (typeof greeting === "string") return { value: { greeting } };
  return { issues: [{ message: "must be a text", path: ["greeting"] }] };
};

const create = ({ greeting }: HelloOptions): Extension => ({
  kx: 1,
  kind: "controller",
  name: "hello",
  version: "1.0.0",
  parts: ({ log, clock }) => [
    {
      name: "greeter",
      async start(signal, ready) {
        ready();
        for (; !signal.aborted; await clock.sleep(1000, signal)) log.info({ pid: process.pid }, greeting);
      },
    },
  ],
  manifests: () => [],
});

export const extension = defineExtension({
  options: { "~standard": { version: 1, vendor: "example", validate } },
  create,
});
