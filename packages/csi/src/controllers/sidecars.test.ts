import { collectingLogger } from "@kx/core/testing";
import { expect, it } from "vitest";
import { defineCsiDriver } from "../driver/define-csi-driver.ts";
import { inProcessDriver } from "./driver-client.ts";
import { partComponent, partName } from "./part-name.ts";
import { csiControllers, type SidecarPart } from "./sidecars.ts";

const driver = inProcessDriver(defineCsiDriver({ name: "Disk.csi.kx.dev" }), {
  services: () => undefined,
  log: collectingLogger(),
});

it("names parts as controllers, event sources and field managers may be named", () => {
  expect(partName(driver, "provisioner")).toBe("disk-csi-kx-dev-provisioner");
  expect(partComponent(driver, "provisioner")).toBe("disk.csi.kx.dev/provisioner");
});

it("runs nothing for a driver that can do nothing, and refuses a part that there is not", () => {
  expect(csiControllers(driver)).toEqual([]);
  const parts = ["provisoner" as SidecarPart];
  expect(() => csiControllers(driver, { parts })).toThrow(expect.objectContaining({ code: "KX_CSI_PART" }));
});
