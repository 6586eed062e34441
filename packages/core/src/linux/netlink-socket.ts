import { closeSync } from "node:fs";
import { call, callAside } from "./libc.ts";
import { inNetns } from "./namespaces.ts";

/** How to open a netlink socket. */
export interface NetlinkOptions {
  /** Of linux/netlink.h: 0 routes and links, 12 netfilter. Default: 0. */
  readonly protocol?: number;
  /** Path of the network namespace to open it in, where it stays. Default: the thread's. */
  readonly netns?: string;
  /** How long the kernel may take to answer, in milliseconds. Default: 5 s. */
  readonly timeoutMs?: number;
  /** Multicast groups to join, as a mask. Default: none. */
  readonly groups?: number;
  /** Options of linux/netlink.h to turn on: 10 short answers, 11 the kernel's reasons, 12 strict dumps. Default: none. */
  readonly options?: readonly number[];
}

/** A raw netlink socket. Its calls block their thread: that is where the kernel does its work. */
export interface NetlinkSocket extends Disposable {
  /** Sends one datagram of whole netlink messages. */
  send(bytes: Uint8Array): void;
  /** As `send`, but it is a thread of Node's pool that waits until the kernel has done its work. */
  sendAside(bytes: Uint8Array): Promise<void>;
  /** The next datagram. It throws `KX_LINUX_SYSCALL` with `EAGAIN` if none comes in time. */
  receive(): Uint8Array;
  close(): void;
}

const [netlinkFamily, raw, closeOnExec] = [16, 3, 0o2000000];
const netlinkLevel = 270;
const [socketLevel, receiveTimeout, sendTimeout, receiveBuffer] = [1, 20, 21, 8];
// The kernel builds its datagrams for a buffer of at least 8 KiB, and uses no more than 32.
const datagramBytes = 32_768;
// Receiving blocks the thread and gives a copy, so that one is enough for all sockets of a thread.
const buffer = new Uint8Array(datagramBytes);

/**
 * Opens a netlink socket; only for the thread of a worker that does nothing else, or a program about to end.
 *
 * @throws KxError `KX_LINUX_SYSCALL` or `KX_LINUX_UNAVAILABLE`.
 */
export function openNetlink(options: NetlinkOptions = {}): NetlinkSocket {
  const { protocol = 0, netns, timeoutMs = 5000, groups = 0, options: netlinkOptions = [] } = options;
  const create = () => call("socket", [netlinkFamily, raw | closeOnExec, protocol]);
  const fd = netns === undefined ? create() : inNetns(netns, create);
  let isOpen = true;
  const close = () => {
    // Closing a number twice would close another's file.
    if (isOpen) closeSync(fd);
    isOpen = false;
  };
  try {
    const timeout = new BigInt64Array([BigInt(Math.trunc(timeoutMs / 1000)), BigInt((timeoutMs % 1000) * 1000)]);
    for (const name of [receiveTimeout, sendTimeout]) {
      call("setsockopt", [fd, socketLevel, name, timeout, timeout.byteLength]);
    }
    call("setsockopt", [fd, socketLevel, receiveBuffer, new Uint32Array([1 << 20]), 4]);
    for (const name of netlinkOptions) call("setsockopt", [fd, netlinkLevel, name, new Uint32Array([1]), 4]);
    call("bind", [fd, new Uint32Array([netlinkFamily, 0, groups]), 12]);
  } catch (error) {
    close();
    throw error;
  }
  return {
    send: (bytes) => void call("send", [fd, bytes, bytes.byteLength, 0]),
    async sendAside(bytes) {
      await callAside("send", [fd, bytes, bytes.byteLength, 0]);
    },
    receive: () => buffer.slice(0, call("recv", [fd, buffer, buffer.byteLength, 0])),
    close,
    [Symbol.dispose]: close,
  };
}
