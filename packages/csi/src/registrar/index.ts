// What the kubelet and its probes need of a CSI driver on a node, also of one in another language.

export { createLiveness, type LivenessOptions } from "./liveness.ts";
export { createRegistrar, type RegistrarOptions } from "./registrar.ts";
