// What the Go plug-ins v1.9.1 do not hold to, as the conformance suite finds it, with the reason as their source tells it.

type Gaps = Readonly<Record<string, string>>;

const everywhere: Gaps = {
  "P2.command": "without CNI_COMMAND it tells what it is, and ends well",
  "P18.own-namespace":
    "the namespace is compared after the work was done, so that a result or another error comes first",
};

const noCollection: Gaps = {
  "P14.unlisted": "GC does nothing",
  "P14.empty": "GC does nothing",
  "P14.null": "GC does nothing",
};

const delegating: Gaps = {
  ...everywhere,
  ...noCollection,
  "P10.empty-netns": "without the namespace its addresses are not known, so that their masquerade rule stays",
  "P10.vanished-netns": "without the namespace its addresses are not known, so that their masquerade rule stays",
  "P11.delegate-garbled": "the delegate's DEL is only called if its result could be read",
  "P13.gc": "GC is not passed on",
  "P14.goes-on": "GC is not passed on",
  "P15.full": "host-local's STATUS succeeds always",
};

/** By plug-in, the cases that fail. */
export const goPluginGaps = {
  bridge: {
    ...delegating,
    "P11.delegate": "the interface in the container is not taken back",
    "P11.delegate-fails": "the interface in the container is not taken back",
    "P11.full": "the interface in the container is not taken back",
  },
  ptp: {
    ...delegating,
    "P11.delegate": "some errors do not come to the step that calls the delegate's DEL",
  },
  "host-local": {
    ...everywhere,
    ...noCollection,
    "P12.without-result": "CHECK looks for the lease alone",
    "P15.full": "STATUS succeeds always",
  },
  loopback: {
    ...everywhere,
    "P6.0.1.0": "results of all versions have the newest form",
    "P6.0.2.0": "results of all versions have the newest form",
    "P6.0.3.0": "results of all versions have the newest form",
    "P6.0.3.1": "results of all versions have the newest form",
    "P6.0.4.0": "results of all versions have the newest form",
    "P12.without-result": "CHECK looks for the link alone",
  },
  portmap: {
    ...everywhere,
    ...noCollection,
    "P9.second-interface": "rules are known by the container alone, so that DEL of one interface takes all",
  },
  bandwidth: {
    ...everywhere,
    ...noCollection,
    "P12.damage.the-limit-is-gone": "CHECK passes over an interface without a token bucket",
    "P14.other-network": "DEL leaves the token bucket on the node's interface, which so cannot be limited again",
  },
  tuning: {
    ...everywhere,
    ...noCollection,
    "P10.empty-netns": "without the namespace, the file with the values of before stays",
    "P10.vanished-netns": "without the namespace, the file with the values of before stays",
    "P19.mac.precedence": "args.cni counts more than runtimeConfig",
  },
} as const satisfies Readonly<Record<string, Gaps>>;
