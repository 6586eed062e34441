import { once } from "node:events";
import { createServer, type Http2ServerRequest, type Http2ServerResponse } from "node:http2";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { type Cached, type Client, createClient } from "@kx/controllers";
import { PersistentVolume } from "@kx/controllers/api/core-v1";
import { expect, it } from "vitest";
import { addFinalizer, removeFinalizer } from "./finalizers.ts";

interface Operation {
  readonly op: "test" | "add" | "remove";
  readonly path: string;
  readonly value?: unknown;
}

/** Holds one volume as an API server does: JSON patches with their tests, and 422 where one fails. */
async function serving(finalizers: string[] | undefined, use: (client: Client, lab: Lab) => Promise<void>) {
  const lab: Lab = { uid: "u1", finalizers, patches: 0 };
  const serve = async (request: Http2ServerRequest, response: Http2ServerResponse) => {
    const body = await text(request);
    const answer = (status: number, value: object) => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
    };
    if (lab.uid === "") return answer(404, { kind: "Status", code: 404, reason: "NotFound", message: "not found" });
    if (request.method === "PATCH") {
      lab.patches += 1;
      const isApplied = !lab.isRefusing && apply(JSON.parse(body) as Operation[], lab);
      if (!isApplied) return answer(422, { kind: "Status", code: 422, reason: "Invalid", message: "a test failed" });
    }
    answer(200, volume(lab));
  };
  const server = createServer((request, response) => void serve(request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    await using client = createClient({ server: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
    await use(client, lab);
  } finally {
    server.close();
  }
}

interface Lab {
  uid: string;
  finalizers: string[] | undefined;
  patches: number;
  isRefusing?: boolean;
}

function apply(operations: readonly Operation[], lab: Lab): boolean {
  let finalizers = lab.finalizers === undefined ? undefined : [...lab.finalizers];
  for (const { op, path, value } of operations) {
    const place = path.split("/")[3];
    const found = path === "/metadata/uid" ? lab.uid : place === undefined ? finalizers : finalizers?.[Number(place)];
    if (op === "test" && (found ?? null) !== value) return false;
    if (op === "remove") finalizers?.splice(Number(place), 1);
    if (op === "add" && place === undefined) finalizers = value as string[];
    if (op === "add" && place !== undefined) {
      if (finalizers === undefined) return false;
      finalizers.push(String(value));
    }
  }
  lab.finalizers = finalizers?.length === 0 ? undefined : finalizers;
  return true;
}

function volume({ uid, finalizers }: Pick<Lab, "uid" | "finalizers">): Cached<PersistentVolume> {
  return {
    metadata: {
      name: "v",
      uid,
      resourceVersion: "1",
      creationTimestamp: "2026-01-01T00:00:00Z",
      ...(finalizers === undefined ? {} : { finalizers }),
    },
  };
}

const { signal } = new AbortController();
const cached = (...finalizers: string[]) =>
  volume({ uid: "u1", finalizers: finalizers.length === 0 ? undefined : finalizers });
const add = (client: Client, object = cached()) => addFinalizer(client, PersistentVolume, object, "mine", signal);
const remove = (client: Client, object = cached("mine")) =>
  removeFinalizer(client, PersistentVolume, object, "mine", signal);

it("adds to what others have added since", async () => {
  await serving(["other"], async (client, lab) => {
    expect((await add(client)).metadata.finalizers).toEqual(["other", "mine"]);
    expect(lab.patches).toBe(2);
  });
  await serving(undefined, async (client, lab) => {
    await add(client, cached("other"));
    expect(lab.finalizers).toEqual(["mine"]);
  });
  await serving(["other", "mine"], async (client, lab) => {
    expect((await add(client)).metadata.finalizers).toEqual(["other", "mine"]);
    expect(lab.patches).toBe(1);
  });
});

it("takes its own away wherever it is by now, and is content where it is gone", async () => {
  await serving(["other", "mine", "third"], async (client, lab) => {
    await remove(client);
    expect(lab.finalizers).toEqual(["other", "third"]);
  });
  await serving(["other"], async (client, lab) => {
    await remove(client);
    expect(lab).toMatchObject({ finalizers: ["other"], patches: 1 });
  });
  await serving(["mine"], async (client, lab) => {
    lab.uid = "";
    await remove(client);
    expect(lab.patches).toBe(0);
  });
});

it("fails where that is not why: another object, or one that may not be changed so", async () => {
  await serving(["other", "mine"], async (client, lab) => {
    lab.uid = "u2";
    await expect(add(client)).rejects.toMatchObject({ code: "KX_API_INVALID" });
    await expect(remove(client)).rejects.toMatchObject({ code: "KX_API_INVALID" });
    expect(lab.finalizers).toEqual(["other", "mine"]);
  });
  await serving(undefined, async (client, lab) => {
    lab.isRefusing = true;
    await expect(add(client)).rejects.toMatchObject({ code: "KX_API_INVALID" });
    expect(lab.patches).toBe(1);
  });
});
