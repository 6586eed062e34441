// Installs or uninstalls, as the first argument says, with the options that the second one holds. Prints what it came to.
import { KxError } from "@kx/core";
import { createLogger } from "@kx/core/log";
import { installCni, uninstallCni } from "../../../src/install/index.ts";

const [work, options = "{}"] = process.argv.slice(2);
const given = JSON.parse(options);
try {
  const done = work === "install" ? await installCni(given) : await uninstallCni({ log: createLogger(), ...given });
  console.log(JSON.stringify(done));
} catch (error) {
  const { code, reason } = KxError.from(error);
  console.log(JSON.stringify({ code, reason }));
}
