import { errnoOf, openExchange, type Request } from "../netlink/exchange.ts";
import { attributesAfter, type ReadMessage } from "../netlink/message.ts";
import {
  type Content,
  getChain,
  getElement,
  listChains,
  listElements,
  listRules,
  listSets,
  type NftSet,
  type Table,
  transaction,
} from "./codec.ts";
import {
  chain as chainAttribute,
  data,
  element,
  elements,
  rule,
  set as setAttribute,
  userDataKinds,
} from "./numbers.ts";

/** An element as the kernel has it. */
export interface ElementState {
  readonly key: Uint8Array;
  readonly keyEnd: Uint8Array | undefined;
  readonly data: Uint8Array | undefined;
  readonly comment: string | undefined;
}

/** A rule as the kernel has it. */
export interface RuleState {
  readonly handle: bigint;
  readonly comment: string | undefined;
  readonly mark: string | undefined;
}

/** A socket for nftables. Its calls block this thread. */
export interface Nft extends Disposable {
  /**
   * Does all of the requests, or none.
   *
   * @throws KxError `KX_CNI_NETLINK` for the first that failed.
   */
  transact(...requests: readonly Request[]): void;
  /** Elements by their keys, each found without a list; undefined for one that is not there, or if the set is not. */
  find(table: Table, set: NftSet, keys: readonly Content[]): readonly (ElementState | undefined)[];
  /** All elements of a set; none if the set is not there. */
  elements(table: Table, set: string): readonly ElementState[];
  /** The names of a table's sets; none if the table is not there. */
  sets(table: Table): readonly string[];
  hasChain(table: Table, name: string): boolean;
  /** The names of a table's chains; none if the table is not there. */
  chains(table: Table): readonly string[];
  /** The rules of a chain; none if the chain is not there. */
  rules(table: Table, chain: string): readonly RuleState[];
}

/** Opens a socket in the thread's network namespace, or another, where it stays. */
export function openNft(netns?: string): Nft {
  const socket = openExchange({ protocol: 12, netns });
  const list = <T>(request: Request, read: (message: ReadMessage) => readonly T[]): readonly T[] => {
    try {
      return socket.dump(request).flatMap(read);
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return [];
      throw error;
    }
  };
  return {
    transact: (...requests) => socket.transact(transaction.begin, requests, transaction.end),
    find(table, set, keys) {
      const requests = keys.map((key) => ({ ...getElement(table, set, key), expect: ["ENOENT"] }));
      return socket
        .exchange(requests)
        .map(({ messages: [message] }) => (message === undefined ? undefined : readElements(message)[0]));
    },
    elements: (table, set) => list(listElements(table, set), readElements),
    sets: (table) =>
      list(listSets(table), ({ payload }) => [attributesAfter(payload, 4).get(setAttribute.name)?.string ?? ""]),
    hasChain: (table, name) =>
      socket.exchange([{ ...getChain(table, name), expect: ["ENOENT"] }])[0]?.failed === undefined,
    chains: (table) => list(listChains(table), ({ payload }) => readChain(payload, table)),
    rules: (table, chain) => list(listRules(table, chain), ({ payload }) => [readRule(payload)]),
    [Symbol.dispose]: () => socket[Symbol.dispose](),
  };
}

function readElements({ payload }: ReadMessage): readonly ElementState[] {
  const found = attributesAfter(payload, 4).get(elements.list)?.list ?? [];
  return found.map(({ nested }) => {
    const value = (type: number) => nested.get(type)?.nested.get(data.value)?.bytes;
    return {
      key: value(element.key) ?? new Uint8Array(0),
      keyEnd: value(element.keyEnd),
      data: value(element.data),
      comment: userDataOf(nested.get(element.userData)?.bytes, userDataKinds.comment),
    };
  });
}

/** The kernel lists the chains of all tables of a family. */
function readChain(payload: Uint8Array, table: Table): readonly string[] {
  const all = attributesAfter(payload, 4);
  const name = all.get(chainAttribute.name)?.string;
  return name !== undefined && all.get(chainAttribute.table)?.string === table.name ? [name] : [];
}

function readRule(payload: Uint8Array): RuleState {
  const all = attributesAfter(payload, 4);
  const handle = all.get(rule.handle)?.bytes;
  return {
    handle: handle?.byteLength === 8 ? new DataView(handle.buffer, handle.byteOffset).getBigUint64(0) : 0n,
    comment: userDataOf(all.get(rule.userData)?.bytes, userDataKinds.comment),
    mark: userDataOf(all.get(rule.userData)?.bytes, userDataKinds.mark),
  };
}

/** Several things are kept there, each with its kind and length. */
function userDataOf(userData: Uint8Array | undefined, wanted: number): string | undefined {
  if (userData === undefined) return undefined;
  for (let at = 0; at + 2 <= userData.byteLength; ) {
    const [kind = 0, length = 0] = userData.subarray(at, at + 2);
    const value = userData.subarray(at + 2, at + 2 + length);
    if (kind === wanted) return new TextDecoder().decode(value.at(-1) === 0 ? value.subarray(0, -1) : value);
    at += 2 + length;
  }
  return undefined;
}
