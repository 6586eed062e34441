#!/usr/bin/env node
// A CNI plug-in that keeps a register of who is attached, to stand in a list behind the plug-in that makes the interface.
import { access, constants, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { defineCniPlugin, ownFailure, runCniPlugin } from "@kx/cni";
import { KxError } from "@kx/core";
import { miniSchema } from "@kx/core/config";
import * as z from "zod/mini";

const entryOf = (request: { containerId: string; ifName: string; config: { name: string; folder: string } }) =>
  join(request.config.folder, `${request.config.name} ${request.containerId} ${request.ifName}`);

export const register = defineCniPlugin({
  name: "register",
  config: miniSchema(z.looseObject({ folder: z.string() })),
  async add(request, ctx) {
    await mkdir(request.config.folder, { recursive: true });
    await writeFile(entryOf(request), request.netns, { flag: "wx" });
    ctx.undo(() => rm(entryOf(request)));
    return request.prevResult ?? {};
  },
  async del(request) {
    await rm(entryOf(request), { force: true });
  },
  async check(request) {
    const missing = () => Promise.reject(ownFailure(100, `${request.containerId} is not registered`));
    await access(entryOf(request)).catch(missing);
  },
  async status({ config }) {
    try {
      await mkdir(config.folder, { recursive: true });
      await access(config.folder, constants.W_OK);
    } catch (cause) {
      throw new KxError("KX_CNI_NOT_AVAILABLE", `${config.folder} cannot be written to`, { cause });
    }
  },
  async gc({ config, validAttachments }) {
    if (validAttachments === undefined) return;
    const { name, folder } = config;
    const valid = new Set(validAttachments.map(({ containerID, ifname }) => `${name} ${containerID} ${ifname}`));
    await mkdir(folder, { recursive: true });
    // Other networks may keep theirs in the same folder.
    const own = (await readdir(folder)).filter((entry) => entry.startsWith(`${name} `));
    await Promise.all(own.filter((entry) => !valid.has(entry)).map((entry) => rm(join(folder, entry))));
  },
});

if (import.meta.main) process.exitCode = await runCniPlugin(register);
