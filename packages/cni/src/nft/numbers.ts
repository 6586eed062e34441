// Numbers of linux/netfilter/nf_tables.h, linux/netfilter/nfnetlink.h and linux/netfilter.h.

const subsystem = 10 << 8;

/** NFT_MSG_* of the subsystem nf_tables, and the marks of a transaction. */
export const types = {
  begin: 0x10,
  end: 0x11,
  newTable: subsystem | 0,
  getTable: subsystem | 1,
  delTable: subsystem | 2,
  newChain: subsystem | 3,
  getChain: subsystem | 4,
  newRule: subsystem | 6,
  getRule: subsystem | 7,
  delRule: subsystem | 8,
  newSet: subsystem | 9,
  getSet: subsystem | 10,
  delSet: subsystem | 11,
  newElement: subsystem | 12,
  getElement: subsystem | 13,
  delElement: subsystem | 14,
} as const;

/** Which packets a table is for. */
export const families = { any: 0, inet: 1, ip: 2, bridge: 7, ip6: 10 } as const;
export type NftFamily = Exclude<keyof typeof families, "any">;

export const hooks = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const;
export type NftHook = keyof typeof hooks;

/** NFTA_TABLE_* .. NFTA_SET_ELEM_*. */
export const table = { name: 1, userData: 6 } as const;
export const chain = { table: 1, name: 3, hook: 4, policy: 5, type: 7 } as const;
export const hook = { number: 1, priority: 2 } as const;
export const rule = { table: 1, chain: 2, handle: 3, expressions: 4, userData: 7 } as const;
export const set = {
  table: 1,
  name: 2,
  flags: 3,
  keyType: 4,
  keyLength: 5,
  dataType: 6,
  dataLength: 7,
  description: 9,
  id: 10,
  userData: 13,
} as const;
/** NFT_USERDATA_MAXLEN. What it holds is nobody's but user space's; kinds beyond nft(8)'s own are passed over by it. */
export const userDataBytes = 256;
export const userDataKinds = { comment: 0, mark: 0x6b } as const;
export const setFlags = { interval: 0x4, map: 0x8, concatenation: 0x80 } as const;
export const setDescription = { concatenation: 2, fieldLength: 1 } as const;
export const elements = { table: 1, set: 2, list: 3 } as const;
export const element = { key: 1, data: 2, flags: 3, userData: 6, keyEnd: 10 } as const;
export const intervalEnd = 1;
export const data = { value: 1, verdict: 2 } as const;
export const verdict = { code: 1, chain: 2 } as const;
export const verdictCodes = { drop: 0, accept: 1, jump: -3, goto: -4, return: -5 } as const;

/** NFTA_LIST_ELEM, NFTA_EXPR_*. */
export const listElement = 1;
export const expression = { name: 1, data: 2 } as const;

/** NFT_REG32_00: each register has four bytes; the verdict's is 0. */
export const firstRegister = 8;

export const payloadBases = { link: 0, network: 1, transport: 2 } as const;
export const metaKeys = { mark: 3, iifName: 6, oifName: 7, networkProtocol: 15, transportProtocol: 16 } as const;
export const comparisons = { equal: 0, notEqual: 1 } as const;
export const natTypes = { source: 0, destination: 1 } as const;
export const fib = { addressType: 3, ofSource: 1, ofDestination: 2 } as const;
export const ctKeys = { state: 0, direction: 1, status: 2, mark: 3, protocolDestination: 12 } as const;
/** IPS_DST_NAT of a connection's status; bits of its state. */
export const connectionStatus = { destinationTranslated: 0x20 } as const;
export const connectionState = { established: 0x2, related: 0x4 } as const;

/** RTN_LOCAL: what `fib ... type` gives for an address of this host. */
export const localAddressType = 2;
