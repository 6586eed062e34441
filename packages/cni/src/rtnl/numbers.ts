// Numbers of linux/rtnetlink.h, linux/if_link.h, linux/if_addr.h and linux/if_bridge.h.

export const types = {
  newLink: 16,
  delLink: 17,
  getLink: 18,
  setLink: 19,
  newAddress: 20,
  delAddress: 21,
  getAddress: 22,
  newRoute: 24,
  delRoute: 25,
  getRoute: 26,
  newNeighbour: 28,
  delNeighbour: 29,
  newQdisc: 36,
  delQdisc: 37,
  getQdisc: 38,
  newFilter: 44,
  getFilter: 46,
  newLinkProperty: 108,
} as const;

export const families = { any: 0, ipv4: 2, bridge: 7, ipv6: 10 } as const;

/** IFF_*. */
export const linkFlags = { up: 0x1, running: 0x40, promiscuous: 0x100, allMulticast: 0x200 } as const;

/** IFLA_*. */
export const link = {
  address: 1,
  name: 3,
  mtu: 4,
  link: 5,
  master: 10,
  protocolInfo: 12,
  txQueueLength: 13,
  operState: 16,
  info: 18,
  alias: 20,
  familySpec: 26,
  group: 27,
  netnsFd: 28,
  extMask: 29,
  promiscuity: 30,
  txQueues: 31,
  rxQueues: 32,
  carrier: 33,
  properties: 52,
  altName: 53,
} as const;

/** IFLA_INFO_*. */
export const linkInfo = { kind: 1, data: 2, slaveKind: 4, slaveData: 5 } as const;

/** IFLA_BR_*. */
export const bridgeData = { vlanFiltering: 7 } as const;

/** IFLA_BRPORT_*. */
export const bridgePort = { hairpin: 4, isolated: 33 } as const;

/** IFLA_BRIDGE_* with the flags of bridge_vlan_info. */
export const bridgeSpec = { flags: 0, vlanInfo: 2 } as const;
export const bridgeFlags = { master: 1, self: 2 } as const;
export const vlanFlags = { pvid: 2, untagged: 4, rangeBegin: 8, rangeEnd: 16 } as const;

export const vethPeer = 1;
export const macvlanMode = { attribute: 1, private: 1, vepa: 2, bridge: 4, passthru: 8 } as const;

/** IFLA_INET_CONF, then IPV4_DEVCONF_*. */
export const ipv4Conf = { attribute: 1, arpNotify: 22 } as const;
/** IFLA_INET6_ADDR_GEN_MODE, and IN6_ADDR_GEN_MODE_NONE. */
export const ipv6AddressMode = { attribute: 8, none: 1 } as const;

/** IFA_*. */
export const address = { address: 1, local: 2, label: 3, broadcast: 4, flags: 8 } as const;
export const addressFlags = {
  noDad: 0x2,
  dadFailed: 0x8,
  tentative: 0x40,
  permanent: 0x80,
  noPrefixRoute: 0x200,
} as const;

/** RTA_*, and RTAX_* of its metrics. */
export const route = {
  destination: 1,
  out: 4,
  gateway: 5,
  priority: 6,
  source: 7,
  metrics: 8,
  multipath: 9,
  table: 15,
} as const;
export const metrics = { mtu: 2, advmss: 8 } as const;
export const routeTable = { main: 254, local: 255 } as const;
export const routeScope = { universe: 0, link: 253, host: 254 } as const;
export const routeKind = { unicast: 1, local: 2 } as const;
/** RTNH_F_ONLINK. */
export const onLink = 4;
/** RTPROT_BOOT: what ip(8) sets for routes made by hand. */
export const bootProtocol = 3;

/** NDA_*, NUD_PERMANENT. */
export const neighbour = { destination: 1, linkAddress: 2, permanent: 0x80 } as const;

/** TCA_*. */
export const traffic = { kind: 1, options: 2 } as const;
/** TCA_TBF_*. */
export const tokenBucket = { options: 1, rate64: 4, burst: 6 } as const;
/** TCA_U32_*, TCA_ACT_*, TCA_MIRRED_*. */
export const u32Filter = { selector: 5, action: 7 } as const;
export const action = { kind: 1, options: 2 } as const;
export const mirred = { parameters: 2 } as const;
export const qdiscRoot = 0xffffffff;
export const ingressParent = 0xfffffff1;
export const [rootHandle, ingressHandle] = [0x0001_0000, 0xffff_0000];

/** IF_OPER_UP. */
export const operUp = 6;
