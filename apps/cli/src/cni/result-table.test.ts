import { expect, test } from "vitest";
import { resultTable } from "./result-table.ts";

test("a result is shown as tables of what it has", () => {
  const shown = resultTable({
    interfaces: [
      { name: "kx0", mac: "0a:00:00:00:00:01" },
      { name: "eth0", mtu: 1450, sandbox: "/run/netns/a" },
    ],
    ips: [{ address: "10.1.0.5/16", gateway: "10.1.0.1", interface: 1 }, { address: "fd00::5/64" }],
    routes: [{ dst: "0.0.0.0/0" }],
    dns: { nameservers: ["10.1.0.1"], search: ["a.example", "b.example"] },
  });
  expect(shown.split("\n")).toEqual([
    "INTERFACE   MAC                 MTU      NAMESPACE",
    "kx0         0a:00:00:00:00:01   <none>   <node>",
    "eth0        <none>              1450     /run/netns/a",
    "",
    "ADDRESS       GATEWAY    INTERFACE",
    "10.1.0.5/16   10.1.0.1   eth0",
    "fd00::5/64    <none>     <none>",
    "",
    "ROUTE       GATEWAY",
    "0.0.0.0/0   <none>",
    "",
    "NAME SERVER   DOMAIN   SEARCH",
    "10.1.0.1      <none>   a.example b.example",
  ]);
});

test("an empty result is told", () => {
  expect(resultTable({})).toBe("the plug-ins gave an empty result");
});
