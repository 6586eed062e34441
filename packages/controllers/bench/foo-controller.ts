// The Foo controller as a process of its own, for bench/foo.ts: node foo-controller.ts <kubeconfig>
import { foo } from "@kx/controllers/foo";
import { systemClock } from "@kx/core";
import { runHost, runMain } from "@kx/core/host";
import { createLogger } from "@kx/core/log";

await runMain(({ args, signal }) => {
  const log = createLogger({ name: "foo-controller", level: "info" });
  return runHost({ role: "controller", extensions: [foo()], log, clock: systemClock, signal, kubeconfig: args[0] });
});
