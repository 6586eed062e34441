import type { ConformanceCase } from "../case.ts";
import { fail, succeeded } from "../failure.ts";

/** D1: who the driver is. */
export const identityCases: readonly ConformanceCase[] = [
  {
    id: "D1.info",
    title: "GetPluginInfo tells a name in domain name notation and a version",
    needs: [],
    async run({ calls }) {
      const { name, vendorVersion } = await succeeded(calls.identity.getPluginInfo({}), "GetPluginInfo");
      if (name.length > 63) fail(`the name ${name} has more than 63 characters`);
      if (!/^[a-zA-Z0-9]([-.a-zA-Z0-9]*[a-zA-Z0-9])?$/.test(name))
        fail(`the name ${JSON.stringify(name)} is no domain name`);
      if (vendorVersion === "") fail("vendor_version is empty");
    },
  },
  {
    id: "D1.capabilities",
    title: "GetPluginCapabilities tells each capability once, and only known ones",
    needs: [],
    async run({ calls }) {
      const { capabilities } = await succeeded(calls.identity.getPluginCapabilities({}), "GetPluginCapabilities");
      const values = capabilities.map(({ type }) => `${type.case ?? "nothing"} ${type.value?.type ?? 0}`);
      const odd = values.find((value) => value.startsWith("nothing") || value.endsWith(" 0"));
      if (odd !== undefined) fail(`a capability is of no kind: ${odd}`);
      if (new Set(values).size !== values.length) fail(`a capability is told twice: ${values.join(", ")}`);
    },
  },
  {
    id: "D1.probe",
    title: "Probe says that the driver is ready",
    needs: [],
    async run({ calls }) {
      const { ready } = await succeeded(calls.identity.probe({}), "Probe");
      if (ready === false) fail("Probe says that the driver is not ready, though it serves calls");
    },
  },
];
