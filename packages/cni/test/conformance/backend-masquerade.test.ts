// Masquerading by iptables beside the Go plug-ins, and with them: the same rules, and either's work by the other.
import { ensureAssets } from "@kx/cluster";
import type { JsonObject } from "@kx/core/contracts/cni";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { TestNetns } from "../../src/testing/netns.ts";
import { savedRules } from "../support/saved-rules.ts";
import { ask, serveAll } from "../support/traffic.ts";
import { type Executed, makeNodeLab, type NodeLab, whyNot } from "./support/node-lab.ts";

const missing = whyNot();
if (missing !== undefined) console.error(`masquerading by iptables is not compared with Go's: ${missing}`);

describe.skipIf(missing !== undefined).each(["bridge", "ptp"] as const)(
  "%s by iptables",
  { timeout: 180_000 },
  (name) => {
    let goFiles: readonly string[];
    let lab: NodeLab;
    let host: TestNetns;

    // The first time they are built.
    beforeAll(async () => {
      const names = [name, "host-local"];
      const assets = await ensureAssets({ names });
      goFiles = names.map((each) => assets.path(each));
    }, 600_000);
    beforeEach(async () => {
      lab = await makeNodeLab(goFiles);
      host = lab.host.netns;
    });
    afterEach(() => lab[Symbol.asyncDispose]());

    const types = [name, `kx-${name}`] as const;
    const ranges = [[{ subnet: "10.1.0.0/16" }], [{ subnet: "fd00::/64" }]];
    const routes = [{ dst: "0.0.0.0/0" }, { dst: "::/0" }];
    const config = (prevResult?: JsonObject): JsonObject => ({
      ...(name === "bridge" ? { bridge: "kx0", isDefaultGateway: true } : {}),
      ipMasq: true,
      ipMasqBackend: "iptables",
      ipam: { type: "host-local", dataDir: lab.dataDir, ranges, ...(name === "ptp" ? { routes } : {}) },
      ...(prevResult === undefined ? {} : { prevResult }),
    });
    const succeeded = (executed: Executed): JsonObject => {
      expect(executed, JSON.stringify(executed.output)).toMatchObject({ exitCode: 0 });
      return executed.output as JsonObject;
    };
    async function call(command: "ADD" | "CHECK" | "DEL", type: string, pod: TestNetns, more: object = {}) {
      return await lab.call({ command, type, netns: pod.path, config: config(), ...more });
    }

    it("makes the rules that Go makes, and nothing is left of them", async () => {
      const made: (readonly string[])[] = [];
      for (const type of types) {
        const pod = await lab.host.pod();
        const result = succeeded(await call("ADD", type, pod));
        made.push(await savedRules(host));
        succeeded(await call("DEL", type, pod, { config: config(result) }));
        expect(await savedRules(host)).toEqual([]);
        await host.run("rm", "-rf", `${lab.dataDir}/kxnet`);
      }
      const [theirs, ours] = made;
      expect(ours).toEqual(theirs);
      expect(ours).toHaveLength(8);
    });

    it("what one has added, the other checks and deletes", async () => {
      for (const [adder, other] of [types, types.toReversed()] as const) {
        const pod = await lab.host.pod();
        const result = succeeded(await call("ADD", adder ?? "", pod));
        const chained = { config: config(result) };
        const type = other ?? "";
        succeeded(await call("CHECK", type, pod, chained));
        succeeded(await call("DEL", type, pod, chained));
        expect([await savedRules(host), lab.leases()]).toEqual([[], []]);
      }
    });

    it("lets containers out as the node, and keeps the rules of one that has another's old address", async () => {
      const outside = await lab.host.pod();
      await host.run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "up0", "netns", outside.path);
      for (const [netns, last] of [
        [host, 1],
        [outside, 2],
      ] as const) {
        await netns.run("ip", "address", "add", `192.0.2.${last}/24`, "dev", "up0");
        await netns.run("ip", "address", "add", `2001:db8::${last}/64`, "dev", "up0", "nodad");
        await netns.run("ip", "link", "set", "up0", "up");
      }
      const type = `kx-${name}`;
      const [a, b] = [await lab.host.pod(), await lab.host.pod()];
      const first = succeeded(await call("ADD", type, a));
      await using _ = await serveAll([outside, { port: 80 }]);
      expect(await ask(a, "192.0.2.2", { port: 80 })).toBe("192.0.2.1");
      expect(await ask(a, "2001:db8::2", { port: 80 })).toBe("2001:db8::1");

      // The node has lost its leases, and gives the address anew before the first container is deleted.
      await a.run("ip", "link", "delete", "eth0");
      await host.run("rm", "-rf", `${lab.dataDir}/kxnet`);
      const second = succeeded(await call("ADD", type, b, { containerId: "b" }));
      expect(JSON.stringify(second["ips"])).toBe(JSON.stringify(first["ips"]));
      succeeded(await call("DEL", type, a, { config: config(first) }));
      succeeded(await call("CHECK", type, b, { containerId: "b", config: config(second) }));
      expect(await ask(b, "192.0.2.2", { port: 80 })).toBe("192.0.2.1");
      succeeded(await call("DEL", type, b, { containerId: "b", config: config() }));
      expect(await savedRules(host)).toEqual([]);
    });

    it("says in CHECK what is missing, and collects what either has left", async () => {
      const [a, b, c] = [await lab.host.pod(), await lab.host.pod(), await lab.host.pod()];
      const first = succeeded(await call("ADD", `kx-${name}`, a));
      succeeded(await call("ADD", `kx-${name}`, b, { containerId: "b" }));
      succeeded(await call("ADD", name, c, { containerId: "c" }));
      const all = await savedRules(host);
      const gc = async (more: object) =>
        succeeded(await lab.call({ command: "GC", type: `kx-${name}`, config: { ...config(), ...more } }));
      await gc({ name: "other", "cni.dev/valid-attachments": [] });
      await gc({});
      expect(await savedRules(host)).toEqual(all);
      await gc({ "cni.dev/valid-attachments": [{ containerID: "a", ifname: "eth0" }] });
      expect(await savedRules(host)).toHaveLength(8);
      await host.run("ip6tables", "-t", "nat", "-F", "POSTROUTING");
      const { exitCode, output } = await call("CHECK", `kx-${name}`, a, { config: config(first) });
      expect([exitCode, (output as { msg: string }).msg]).toEqual([
        1,
        expect.stringMatching(/^\[KX_CNI_CHECK\] eth0 of a: the rule -s fd00::2\/128 [^;]* POSTROUTING [^;]*missing$/),
      ]);
      await gc({ "cni.dev/valid-attachments": null });
      expect(await savedRules(host)).toEqual([]);
    });
  },
);
