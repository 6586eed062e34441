import { request } from "node:https";
import { expect, it } from "vitest";
import { type HealthOptions, type HealthView, serveHealth } from "./health.ts";

// For this test alone: of localhost, signed by itself, until 2126.
const cert = `-----BEGIN CERTIFICATE-----
MIIBnDCCAUGgAwIBAgIUWJ95hJ2r3Rwx6yUI7x0Qzkxsmv0wCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMzIzNDEyMFoYDzIxMjYxMDMw
MjM0MTIwWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAQm43qun45AyjSudBD6jGJzRJShzsJrWBomWm5cEFmuJIK5wFaYFh3+
1kQQKtVf1pyssJPqFcTY3tFHtbXpMdLlo28wbTAdBgNVHQ4EFgQUZbCibBfMTGqo
4NUdl3TaVsG1KEwwHwYDVR0jBBgwFoAUZbCibBfMTGqo4NUdl3TaVsG1KEwwDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDSQAwRgIhALpNa25XzRLnENZHQVyPtv273H2fAvpYTlzYR4hRFp40AiEA
0cZGJ/p7rGtwiGzli5rq6ixAryHXR8wbSJOUfS0NM4Q=
-----END CERTIFICATE-----`;
const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgenhJVoabLmXYwg6X
S5g64WIBDSNx/fL0q7rE4d43LM+hRANCAAQm43qun45AyjSudBD6jGJzRJShzsJr
WBomWm5cEFmuJIK5wFaYFh3+1kQQKtVf1pyssJPqFcTY3tFHtbXpMdLl
-----END PRIVATE KEY-----`;

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
