import { KxError } from "@kx/core";
import { errnoName, type NetlinkSocket, openNetlink } from "@kx/core/linux";
import {
  encodeMessages,
  type Message,
  messageFlags,
  messageTypes,
  type ReadMessage,
  readMessages,
  readVerdict,
  type Verdict,
} from "./message.ts";

/** A message with what it is for. */
export interface Request extends Message {
  /** Completes "cannot ...": `make the link veth1`. */
  readonly what: string;
  /** Names of errors after which all is well, such as `EEXIST` where something is to be there. */
  readonly expect?: readonly string[];
}

/** What became of a request. */
export interface Answer {
  /** The data that the kernel sent for it. */
  readonly messages: readonly ReadMessage[];
  /** The error, if it is one that the request expects. */
  readonly failed?: string;
}

/** A netlink socket for requests and their answers, one exchange after another. */
export interface NetlinkExchange extends Disposable {
  /**
   * Sends requests as one datagram. The kernel tries each of them, also after one that failed.
   *
   * @throws KxError `KX_CNI_NETLINK` for the first failure that was not expected.
   */
  exchange(requests: readonly Request[]): readonly Answer[];
  /** As `exchange`, but a thread of Node's pool waits for the kernel; one exchange at a time. */
  exchangeAside(requests: readonly Request[]): Promise<readonly Answer[]>;
  /**
   * Sends requests that are done all or not at all, between the messages that mark a transaction.
   *
   * @throws KxError `KX_CNI_NETLINK` for the first that failed.
   */
  transact(begin: Request, requests: readonly Request[], end: Message): void;
  /** Sends one request that asks for a list, anew if the list changed meanwhile. */
  dump(request: Request): readonly ReadMessage[];
}

/** Where netlink protocols differ. */
export interface ExchangeOptions {
  /** Of linux/netlink.h: 0 routes and links, 12 netfilter. */
  readonly protocol: number;
  /** Path of the network namespace. Default: the thread's. */
  readonly netns?: string | undefined;
}

// CAP_ACK, EXT_ACK and GET_STRICT_CHK: short answers, reasons as text, and lists only of what was asked for.
const socketOptions = [10, 11, 12];
const dumpTries = 10;

/** Opens a socket. Its calls block this thread. */
export function openExchange({ protocol, netns }: ExchangeOptions): NetlinkExchange {
  const socket = openNetlink({ protocol, options: socketOptions, ...(netns === undefined ? {} : { netns }) });
  let sequence = 0;
  const next = (count: number) => {
    const first = sequence + 1;
    sequence += count;
    return first;
  };
  return {
    exchange(requests) {
      if (requests.length === 0) return [];
      // Failures are always told, and in order: the last message's success tells that of all.
      const first = next(requests.length);
      socket.send(encodeMessages(acknowledgeLast(requests), first));
      return judge(requests, collect(socket, first, requests.length));
    },
    async exchangeAside(requests) {
      const first = next(requests.length);
      await socket.sendAside(encodeMessages(acknowledgeLast(requests), first));
      return judge(requests, collect(socket, first, requests.length));
    },
    transact(begin, requests, end) {
      if (requests.length === 0) return;
      const first = next(requests.length + 2);
      socket.send(encodeMessages([begin, ...acknowledgeLast(requests), end], first));
      judge([begin, ...requests], collect(socket, first, requests.length + 1, true));
    },
    dump(request) {
      for (let attempt = 1; ; attempt++) {
        const first = next(1);
        socket.send(encodeMessages([{ ...request, flags: request.flags | messageFlags.dump }], first));
        const [answer] = collect(socket, first, 1);
        if (answer?.isInterrupted !== true)
          return judge([request], answer === undefined ? [] : [answer])[0]?.messages ?? [];
        if (attempt === dumpTries) throw failure(request, { errno: 4, reason: "the list kept changing" });
      }
    },
    [Symbol.dispose]: () => socket.close(),
  };
}

interface Collected {
  readonly messages: ReadMessage[];
  verdict: Verdict | undefined;
  isInterrupted: boolean;
}

function acknowledgeLast(requests: readonly Request[]): readonly Message[] {
  return requests.map((one, at) => (at < requests.length - 1 ? one : { ...one, flags: one.flags | messageFlags.ack }));
}

/** Receives until the last message has its verdict, or, where the first failure is that of all, any has failed. */
function collect(socket: NetlinkSocket, first: number, count: number, isTransaction = false): readonly Collected[] {
  const answers = Array.from(
    { length: count },
    (): Collected => ({ messages: [], verdict: undefined, isInterrupted: false }),
  );
  const isOver = () =>
    answers.at(-1)?.verdict !== undefined || (isTransaction && answers.some(({ verdict }) => hasFailed(verdict)));
  while (!isOver()) {
    for (const message of readMessages(socket.receive())) {
      // Others are left from an exchange that was given up.
      const answer = answers[message.sequence - first];
      if (answer !== undefined) sortIn(answer, message);
    }
  }
  return answers;
}

function sortIn(answer: Collected, message: ReadMessage): void {
  const { error, done, overrun } = messageTypes;
  answer.isInterrupted ||= (message.flags & messageFlags.dumpInterrupted) !== 0;
  if (message.type === error || message.type === done) answer.verdict ??= readVerdict(message);
  else if (message.type > overrun) answer.messages.push(message);
}

function hasFailed(verdict: Verdict | undefined): boolean {
  return verdict !== undefined && verdict.errno !== 0;
}

function judge(requests: readonly Request[], answers: readonly Collected[]): readonly Answer[] {
  return requests.map((request, index) => {
    const { messages = [], verdict } = answers[index] ?? {};
    if (verdict === undefined || !hasFailed(verdict)) return { messages };
    const failed = errnoName(verdict.errno);
    if (request.expect?.includes(failed) === true) return { messages, failed };
    throw failure(request, verdict);
  });
}

function failure({ what }: Request, { errno, reason }: Verdict): KxError {
  const name = errnoName(errno);
  const why = reason === undefined ? name : `${name} (${reason})`;
  return new KxError("KX_CNI_NETLINK", `cannot ${what}: ${why}`, {
    retryable: ["EAGAIN", "EBUSY", "EINTR", "ENOBUFS", "ENOMEM"].includes(name),
    details: { errno: name, what, ...(reason === undefined ? {} : { reason }) },
    ...(name === "EPERM" ? { remedy: "run it as root, or with CAP_NET_ADMIN" } : {}),
  });
}

/** The name of the error with which the kernel refused a request, if it did. */
export function errnoOf(error: unknown): string | undefined {
  const errno = KxError.is(error) ? error.details["errno"] : undefined;
  return typeof errno === "string" ? errno : undefined;
}
