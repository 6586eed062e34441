import { randomBytes } from "node:crypto";
import { notApplicable } from "@kx/core/testing";
import type { ConformanceCase } from "../case.ts";
import { fail, refused, succeeded } from "../failure.ts";
import type { Scope } from "../scope.ts";

const needs = ["controller CREATE_DELETE_VOLUME"] as const;
const newSecret = () => `kx-planted-${randomBytes(8).toString("hex")}`;

async function look({ driver }: Scope, name: string, secret: string): Promise<void> {
  const read = driver.readLog ?? notApplicable("the driver's log is not known");
  const log = await read();
  if (log.includes(secret)) fail(`the log has the secret of the call for ${name}`);
}

/** D14: secrets stay secret. */
export const secretCases: readonly ConformanceCase[] = [
  {
    id: "D14.log",
    title: "the secrets of calls that succeed and that fail are in no line of the log",
    needs,
    async run(scope) {
      const secret = newSecret();
      const request = scope.volumeRequest({ secrets: { ...scope.secrets, "kx-planted": secret } });
      const { volumeId } = await scope.volume(request);
      const failing = { ...request, name: scope.name(), volumeCapabilities: [] };
      await refused(scope.calls.controller.createVolume(failing), [], "CreateVolume without capabilities");
      await succeeded(
        scope.calls.controller.deleteVolume({ volumeId, secrets: request.secrets ?? {} }),
        "DeleteVolume",
      );
      await look(scope, request.name, secret);
    },
  },
  {
    id: "D14.message",
    title: "the secrets of a call that fails are not in its message",
    needs,
    async run(scope) {
      const secret = newSecret();
      const secrets = { ...scope.secrets, "kx-planted": secret };
      const request = scope.volumeRequest({ secrets, volumeCapabilities: [] });
      const message = await scope.calls.controller.createVolume(request).then(
        () => fail("CreateVolume without capabilities succeeded"),
        (error: unknown) => String(error),
      );
      if (message.includes(secret)) fail("the message of the failed call has its secret");
    },
  },
];
