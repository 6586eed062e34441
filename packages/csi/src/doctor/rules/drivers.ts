import type { Found, LastError } from "../finding.ts";
import type { StorageWorld } from "../storage-world.ts";

/** A driver that nothing in the cluster knows of. @param user - what names it */
export function driverMissing(driver: string, user: string): Found {
  return {
    code: "DriverMissing",
    message: `${user} names the driver ${driver}, of which there is no CSIDriver object, and which no node has`,
    waitsFor: `the driver ${driver}`,
    remedy: "install the driver, or correct its name",
  };
}

/** A driver that a node's kubelet has not registered. */
export function driverNotOnNode(
  driver: string,
  nodeName: string,
  lastError: LastError | undefined,
  world: StorageWorld,
): Found {
  const others = world.objects.csiNodes
    .map(({ metadata }) => metadata.name)
    .filter((one) => world.hasDriver(one, driver));
  const where = others.length === 0 ? "no node has it" : `it is on ${others.join(", ")}`;
  return {
    code: "DriverNotOnNode",
    message: `the driver ${driver} is not registered with the kubelet of the node ${nodeName}; ${where}`,
    waitsFor: `the driver ${driver} on the node ${nodeName}`,
    lastError,
    remedy: `see whether the driver's pod runs on that node and its registrar reaches the kubelet; to keep pods away until it does, taint new nodes with ${driver}/agent-not-ready:NoExecute`,
  };
}
