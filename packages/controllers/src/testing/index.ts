export { clusterClient } from "./cluster-client.ts";
export { type EventuallyOptions, eventually } from "./eventually.ts";
export { type TestNamespace, testNamespace } from "./test-namespace.ts";
