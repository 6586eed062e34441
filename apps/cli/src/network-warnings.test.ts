import { expect, it } from "vitest";
import { readSigns } from "./network-warnings.ts";

it("reads of an agent's metrics what is wrong now", () => {
  const text = [
    "# HELP kx_cni_configuration_shadowed 1 if so",
    'kx_cni_configuration_shadowed{extension="cni"} 0',
    'kx_cni_unenforced_network_policies{extension="cni"} 2',
    'kx_cni_pool_free_addresses{range="10.244.1.0/24",extension="cni"} 250',
    'kx_cni_pool_free_addresses{range="fd00::/64",extension="cni"} 0',
    "kx_cni_plugins_missing 1",
    "other_metric 1",
  ].join("\n");
  const reasons = ["PluginsMissing", "NetworkPolicyNotEnforced", "AddressesExhausted"];
  expect(readSigns(text).map(({ reason }) => reason)).toEqual(reasons);
  expect(readSigns("")).toEqual([]);
});
