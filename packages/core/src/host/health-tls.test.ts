import { request } from "node:https";
import { expect, it } from "vitest";
import { localhostCertificates } from "../../test/support/localhost-certificates.ts";
import { type HealthOptions, type HealthView, serveHealth } from "./health.ts";

const [{ cert, key }] = localhostCertificates;
const view: HealthView = { notReady: () => [], extensions: () => [] };
const authorize: HealthOptions["authorize"] = async ({ token }) => (token === "good" ? "allowed" : "unknown");

function statusOf(url: string, headers: Record<string, string>): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request(url, { ca: cert, headers }, (response) => resolve(response.resume().statusCode))
      .on("error", reject)
      .end();
  });
}

it("is served to others only with a certificate and a check of who asks", async () => {
  const host = "0.0.0.0";
  const tls = { cert, key };
  for (const options of [{}, { tls }, { authorize }]) {
    await expect(serveHealth({ host, port: 0, ...options }, view)).rejects.toThrow("KX_HOST_HEALTH_ADDRESS");
  }
  const server = await serveHealth({ host, port: 0, tls, authorize }, view);
  const { protocol, port } = new URL(server.url);
  expect(protocol).toBe("https:");
  const url = `https://127.0.0.1:${port}/readyz`;
  expect(await statusOf(url, { authorization: "Bearer good" })).toBe(200);
  expect(await statusOf(url, { authorization: "Bearer bad" })).toBe(401);
  expect(await statusOf(url, {})).toBe(401);
  await expect(fetch(url.replace("https", "http"))).rejects.toThrow();
  await server.close();
});
