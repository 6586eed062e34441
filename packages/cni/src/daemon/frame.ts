import { KxError } from "@kx/core";
import type { Environment } from "../plugin/environment.ts";

// What the shim (shim/kx-cni-shim.c) and the daemon say to each other. Numbers are of 4 bytes, the lowest first.
//
//   call:    "KXC1"  bytes of names  bytes of input   names: type NUL, then VARIABLE=value NUL each   input
//   ACCEPT:  one byte, 6
//   answer:  exit code   bytes of output   bytes of errors   output   errors

/** The daemon's word that it carries the call out. */
export const acceptByte = 6;

const magic = Buffer.from("KXC1");
const headerBytes = 12;
/** Linux bounds a variable to 128 KiB, and all of them to a quarter of the stack, which is 8 MiB. */
const maxNameBytes = 2 * 1024 * 1024;
/** One byte more than a plug-in takes, so that it is the plug-in that refuses it; the shim reads in pieces of 64 KiB. */
const maxInputBytes = 8 * 1024 * 1024 + 65_536;

/** A call of a plug-in as it comes from elsewhere. */
export interface CniRequest {
  /** The plug-in's type. */
  readonly type: string;
  readonly env: Environment;
  readonly stdin: string;
}

/** What is printed for a call. */
export interface CniAnswer {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Puts a call together from the pieces in which it comes. */
export interface FrameReader {
  /**
   * Takes the next piece. Gives the call with its last piece.
   *
   * @throws KxError `KX_CNI_FRAME` as soon as it can be no call.
   */
  push(piece: Uint8Array): CniRequest | undefined;
}

/** Makes a reader of one call. */
export function createFrameReader(): FrameReader {
  const pieces: Uint8Array[] = [];
  let length = 0;
  let expected: number | undefined;
  return {
    push(piece) {
      pieces.push(piece);
      length += piece.byteLength;
      if (expected === undefined && length >= headerBytes) {
        expected = frameLength(Buffer.concat(pieces));
      }
      if (expected === undefined || length < expected) return undefined;
      if (length > expected) throw malformed(`has ${length - expected} bytes too many`);
      return decodeFrame(Buffer.concat(pieces));
    },
  };
}

/**
 * Reads a call that is there as a whole.
 *
 * @throws KxError `KX_CNI_FRAME`.
 */
export function decodeFrame(frame: Buffer): CniRequest {
  if (frame.length < headerBytes) throw malformed("has no header");
  if (frame.length !== frameLength(frame)) throw malformed("has another length than it says");
  const inputAt = headerBytes + frame.readUInt32LE(4);
  // Bytes that are no text are for the plug-in to refuse, as it does when it is executed.
  const names = frame.toString("utf8", headerBytes, inputAt);
  if (!names.endsWith("\0")) throw malformed("ends within its names");
  const [type = "", ...variables] = names.slice(0, -1).split("\0");
  return { type, env: environmentOf(variables), stdin: frame.toString("utf8", inputAt) };
}

/** What the shim sends. */
export function encodeFrame({ type, env, stdin }: CniRequest): Buffer {
  const variables = Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]));
  const names = Buffer.from([type, ...variables, ""].join("\0"));
  const input = Buffer.from(stdin);
  return Buffer.concat([magic, numbers(names.length, input.length), names, input]);
}

/** What the daemon sends after its ACCEPT. */
export function encodeAnswer({ exitCode, stdout, stderr }: CniAnswer): Buffer {
  const [output, errors] = [Buffer.from(stdout), Buffer.from(stderr)];
  return Buffer.concat([numbers(exitCode, output.length, errors.length), output, errors]);
}

function frameLength(frame: Buffer): number {
  if (!frame.subarray(0, magic.length).equals(magic)) throw malformed("does not begin with KXC1");
  const [names, input] = [frame.readUInt32LE(4), frame.readUInt32LE(8)];
  if (names > maxNameBytes) throw malformed(`has ${names} bytes of names, more than ${maxNameBytes}`);
  if (input > maxInputBytes) throw malformed(`has ${input} bytes of input, more than ${maxInputBytes}`);
  return headerBytes + names + input;
}

function environmentOf(variables: readonly string[]): Environment {
  const env = new Map<string, string>();
  for (const variable of variables) {
    const at = variable.indexOf("=");
    if (at < 1) throw malformed("has a variable without a name");
    // As getenv(3): the first counts.
    if (!env.has(variable.slice(0, at))) env.set(variable.slice(0, at), variable.slice(at + 1));
  }
  return Object.fromEntries(env);
}

function numbers(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [index, value] of values.entries()) bytes.writeUInt32LE(value, 4 * index);
  return bytes;
}

function malformed(problem: string): KxError {
  return new KxError("KX_CNI_FRAME", `what came over the socket ${problem}`);
}
