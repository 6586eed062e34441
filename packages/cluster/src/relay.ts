import { type ChildProcessByStdio, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { KxError } from "@kx/core";

/** A place to listen at or to dial: an address in this machine's network or the cluster's; `unix:/path` only in `host`. */
export interface Endpoint {
  readonly net: "host" | "cluster";
  readonly address: string;
}

interface Forward {
  readonly listen: Endpoint;
  readonly dial: Endpoint;
}

interface Answer {
  readonly id: number;
  readonly address?: string;
  readonly error?: string;
}

interface Waiting {
  resolve(address: string): void;
  reject(error: KxError): void;
}

type RelayProcess = ChildProcessByStdio<Writable, Readable, null>;

const restartDelayMs = 100;

/**
 * Passes connections between the network of this machine and that of a cluster, without changing either. The relay
 * program ends with this process; if it is killed, it is started again with the same forwards.
 */
export class Relay {
  readonly #argv: readonly string[];
  readonly #logFile: string;
  readonly #forwards: Forward[] = [];
  readonly #waiting = new Map<number, Waiting>();
  #child: RelayProcess;
  #ended: Promise<void> = Promise.resolve();
  #lastId = 0;
  #stopped = false;

  constructor(kxInit: string, holderPid: number, logFile: string) {
    this.#argv = ["--pdeathsig", "KILL", "--", kxInit, "relay", String(holderPid)];
    this.#logFile = logFile;
    this.#child = this.#start();
  }

  /** Listens, passes each connection to `dial`, and returns the address listened at (port 0: any free one). */
  async forward(listen: Endpoint, dial: Endpoint): Promise<string> {
    const address = await this.#ask({ listen, dial });
    // After a restart it must be found where it was.
    const at = listen.address.startsWith("unix:") ? listen.address : address;
    this.#forwards.push({ listen: { net: listen.net, address: at }, dial });
    return address;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#child.kill("SIGKILL");
    await this.#ended;
  }

  #start(): RelayProcess {
    const log = openSync(this.#logFile, "a", 0o600);
    const spawned = spawn("setpriv", this.#argv, { stdio: ["pipe", "pipe", log], env: {}, detached: true });
    const child = spawned as RelayProcess; // with these stdio
    closeSync(log);
    this.#ended = new Promise((resolve) => {
      child.once("exit", () => resolve());
      child.once("error", () => resolve());
    });
    void this.#ended.then(() => this.#onEnd());
    child.stdin.on("error", () => {}); // its end tells
    createInterface({ input: child.stdout }).on("line", (line) => this.#onAnswer(line));
    return child;
  }

  #ask(forward: Forward): Promise<string> {
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId;
      this.#waiting.set(id, { resolve, reject });
      this.#child.stdin.write(`${JSON.stringify({ id, ...forward })}\n`);
    });
  }

  #onAnswer(line: string): void {
    const answer = JSON.parse(line) as Answer;
    const call = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (answer.address === undefined) {
      call?.reject(new KxError("KX_CLUSTER_HOST", `the relay: ${answer.error ?? line}`));
    } else {
      call?.resolve(answer.address);
    }
  }

  #onEnd(): void {
    const error = new KxError("KX_CLUSTER_PROCESS", `the relay ended; see ${this.#logFile}`);
    for (const call of this.#waiting.values()) call.reject(error);
    this.#waiting.clear();
    if (this.#stopped || this.#forwards.length === 0) return;
    setTimeout(() => {
      if (this.#stopped) return;
      this.#child = this.#start();
      for (const forward of this.#forwards) this.#ask(forward).catch(() => {}); // the next end tries again
    }, restartDelayMs).unref();
  }
}
