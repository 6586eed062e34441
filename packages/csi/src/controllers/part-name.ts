import type { DriverClient } from "./driver-client.ts";

/** The name of a driver's part, as controllers may be named. */
export function partName(driver: Pick<DriverClient, "name">, part: string): string {
  return `${driver.name.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-")}-${part}`;
}

/** Who a driver's part says it is, in events and as owner of fields: `hostpath.csi.kx.dev/provisioner`. */
export function partComponent(driver: DriverClient, part: string): string {
  return `${driver.name.toLowerCase()}/${part}`;
}
