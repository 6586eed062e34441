import { describe, expect, expectTypeOf, it } from "vitest";
import type { CniHandlers, CniPlugin, CniResult, NetnsRequest } from "./cni-plugin.ts";
import { defineCniPlugin } from "./define-plugin.ts";

const handlers: CniHandlers<unknown> = { name: "noop", add: async () => ({}), del: async () => undefined };

describe("defineCniPlugin", () => {
  it("gives a frozen value that knows every version and has only the handlers that were given", () => {
    const plugin = defineCniPlugin(handlers);
    expect(Object.isFrozen(plugin)).toBe(true);
    expect(plugin).toMatchObject({ kx: 1, name: "noop" });
    expect(plugin.supportedVersions).toEqual(["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]);
    expect(Object.keys(plugin).toSorted()).toEqual(["add", "del", "kx", "name", "supportedVersions"]);
  });

  it("binds the methods of a class's instance, also inherited ones and those behind getters", async () => {
    class Base {
      readonly mtu = 1400;
      async add(request: NetnsRequest<unknown>): Promise<CniResult> {
        return { interfaces: [{ name: request.ifName, mtu: this.mtu }] };
      }
      async del(): Promise<void> {}
    }
    class Counting extends Base {
      readonly name = "counting";
      calls = 0;
      get status() {
        return async () => void this.calls++;
      }
    }
    const instance = new Counting();
    const { add, status } = defineCniPlugin(instance);
    const result = await Reflect.apply(add, undefined, [{ ifName: "eth0" }]);
    expect(result).toEqual({ interfaces: [{ name: "eth0", mtu: 1400 }] });
    await Reflect.apply(status ?? (() => undefined), undefined, []);
    expect(instance.calls).toBe(1);
  });

  it("types the configuration after its schema", () => {
    const schema = {
      "~standard": { version: 1, vendor: "test", validate: () => ({ value: { bridge: "cni0" } }) },
    } as const;
    const typed = defineCniPlugin({
      name: "typed",
      config: schema,
      async add(request) {
        expectTypeOf(request.config.bridge).toEqualTypeOf<string>();
        expectTypeOf(request.config.name).toEqualTypeOf<string>();
        expectTypeOf(request.netns).toEqualTypeOf<string>();
        return {};
      },
      async del(request) {
        expectTypeOf(request.netns).toEqualTypeOf<string | undefined>();
      },
      async check(request) {
        expectTypeOf(request.prevResult).toEqualTypeOf<CniResult>();
      },
    });
    // A host keeps plug-ins of any configuration in one table.
    expectTypeOf(typed).toExtend<CniPlugin>();
  });

  it.each([
    [{ ...handlers, stauts: async () => undefined }, 'has no field "stauts" (did you mean status?)'],
    [{ ...handlers, frobnicate: 1 }, "known are name, config, add, del, check, status, gc"],
    [{ ...handlers, name: "../noop" }, 'cannot be named "../noop"'],
    [{ ...handlers, name: undefined }, "cannot be named undefined"],
    [{ ...handlers, del: undefined }, '"noop" has no function del'],
    [{ ...handlers, gc: true }, '"noop" has no function gc'],
    [{ ...handlers, config: {} }, "no Standard Schema"],
  ])("refuses what is wrong and says how to mend it: %#", (wrong, message) => {
    expect(() => defineCniPlugin(wrong as CniHandlers<unknown>)).toThrow(message);
  });
});
