import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { netnsContents } from "../../src/testing/netns.ts";
import { makeHost, shared } from "../support/host.ts";

const program = fileURLToPath(new URL("programs/net-worker.ts", import.meta.url));

it("works in a thread of its own, and no other thread ever is in a container's namespace", async () => {
  await using host = await makeHost();
  const pod = await host.pod();
  const seen = JSON.parse(await host.netns.run(process.execPath, program, pod.path, "20"));
  expect(seen).toMatchObject({
    namespaces: 1,
    refused: "KX_CNI_NETNS",
    direct: [expect.stringMatching(/^the port veth[0-9a-f]{11} is not up$/)],
  });
  expect(await netnsContents(pod)).toEqual([]);
  expect(await shared(host.netns)).toEqual([]);
});
