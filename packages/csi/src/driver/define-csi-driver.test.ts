import { Controller, GroupController, Node, SnapshotMetadata } from "@kx/core/contracts/csi";
import { describe, expect, expectTypeOf, it } from "vitest";
import { memoryState } from "../../test/support/memory-state.ts";
import type { CsiDriverDefinition } from "./csi-driver.ts";
import type { CsiHandlers } from "./csi-handlers.ts";
import { defineCsiDriver } from "./define-csi-driver.ts";
import { handlerNames } from "./handler-names.ts";

describe("defineCsiDriver", () => {
  it("gives a frozen value of the handlers that were given", () => {
    const driver = defineCsiDriver({
      name: "test.csi.kx.dev",
      state: memoryState(),
      async createVolume(request, ctx) {
        expectTypeOf(request.name).toEqualTypeOf<string>();
        expectTypeOf(request.capacityRange?.requiredBytes).toEqualTypeOf<bigint | undefined>();
        expectTypeOf(ctx.fingerprint).toEqualTypeOf<string>();
        return { volume: { volumeId: request.name, capacityBytes: 1n } };
      },
      async deleteVolume() {},
    });
    expect(Object.isFrozen(driver)).toBe(true);
    expect(driver).toMatchObject({ kx: 1, kind: "csi", name: "test.csi.kx.dev", version: "0.0.0" });
    expect(Object.keys(driver.definition).toSorted()).toEqual(["createVolume", "deleteVolume", "name", "state"]);
  });

  it("binds the methods of a class's instance", async () => {
    class Driver {
      readonly name = "class.csi.kx.dev";
      readonly state = memoryState();
      readonly prefix = "vol";
      calls = 0;
      async createVolume(request: { readonly name: string }) {
        this.calls++;
        return { volume: { volumeId: `${this.prefix}-${request.name}` } };
      }
      async deleteVolume() {}
    }
    const { createVolume } = defineCsiDriver(new Driver()).definition;
    const answer = await Reflect.apply(createVolume ?? (() => undefined), undefined, [{ name: "a" }]);
    expect(answer).toEqual({ volume: { volumeId: "vol-a" } });
  });

  it("does not compile where a feature lacks its handler", () => {
    const name = "test.csi.kx.dev";
    const make = [
      // @ts-expect-error -- a clone is made by createVolume
      () => defineCsiDriver({ name, features: { clone: true } }),
      // @ts-expect-error -- somebody has to expand
      () => defineCsiDriver({ name, features: { expansion: "online" } }),
      // @ts-expect-error -- published nodes need both handlers
      () => defineCsiDriver({ name, features: { publishedNodes: true }, listVolumes: async () => ({}) }),
      // @ts-expect-error -- readonly is the attaching handler's
      () => defineCsiDriver({ name, features: { publishReadonly: true } }),
      // @ts-expect-error -- no such feature
      () => defineCsiDriver({ name, features: { clones: true }, createVolume: async () => ({}) }),
    ];
    for (const one of make) expect(one).toThrow("KX_CSI_DEFINITION");
    expect(defineCsiDriver({ name, features: { clone: false } }).name).toBe(name);
    expect(defineCsiDriver({ name, features: { expansion: "online" }, nodeExpandVolume: async () => ({}) }).name).toBe(
      name,
    );
  });

  it("has a handler for each call that is not answered from what is there", () => {
    const calls = [Controller, GroupController, SnapshotMetadata, Node].flatMap(({ methods }) => methods.length);
    expect(handlerNames.length).toBe(calls.reduce((sum, count) => sum + count, 0) - 3);
    expectTypeOf<(typeof handlerNames)[number]>().toEqualTypeOf<keyof CsiHandlers>();
  });

  const base: CsiDriverDefinition = { name: "test.csi.kx.dev" };
  it.each([
    [{ ...base, createVolumes: 1 }, 'has no field "createVolumes" (did you mean createVolume?)'],
    [{ ...base, name: "a_b" }, 'cannot be named "a_b"'],
    [{ ...base, name: "a".repeat(64) }, "at most 63"],
    [{ ...base, deleteVolume: true }, "has no function deleteVolume"],
    [{ ...base, features: { clon: true } }, 'has no feature "clon" (did you mean clone?)'],
    [{ ...base, createVolume: async () => ({}) }, "has createVolume without deleteVolume"],
    [{ ...base, listVolumes: async () => ({}) }, "has neither state nor validateVolumeCapabilities"],
    [{ ...base, features: { clone: true } }, "the feature clone without the handler createVolume"],
  ])("refuses what is wrong and says how to mend it: %#", (wrong, message) => {
    expect(() => defineCsiDriver(wrong as CsiDriverDefinition)).toThrow(message);
  });
});
