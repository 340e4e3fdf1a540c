import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { identify, signalProcess } from "../../src/process/identity.ts";
import type { AcquireAnswer, AcquireOrder, Answer, LockEvent, LockOperation, LockOperations } from "./lock-messages.ts";

type Unasked = Exclude<LockEvent, { event: "ready" }>;
interface Settle {
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
}

/** The answer of a contender that failed, with the code of its `Failure`. */
class ContenderError extends Error {
  readonly code: string | undefined;

  constructor(name: string, message: string, code: string | undefined) {
    super(message);
    this.name = name;
    this.code = code;
  }
}

/** Talks to a contender, over the pipes that are its standard input and output. */
export class LockChannel {
  readonly #input: Writable;
  readonly #asked = new Map<number, Settle>();
  #lastId = 0;
  #pid = 0;
  readonly #unasked: Unasked[] = [];
  #onUnasked: () => void = () => undefined;
  #hasEnded = false;
  /** Rejects when the process ends before it was ready. */
  readonly ready: Promise<void>;
  readonly #gone: Promise<void>;

  constructor(input: Writable, output: Readable) {
    this.#input = input;
    input.on("error", () => undefined);
    this.#gone = new Promise((resolve) => output.once("close", resolve));
    this.ready = new Promise((resolve, reject) => {
      createInterface({ input: output })
        .on("line", (line) => this.#hear(JSON.parse(line) as LockEvent | Answer, resolve))
        .on("close", () => this.#end(reject));
    });
    // Whoever does not wait for it does not care.
    this.ready.catch(() => undefined);
  }

  get pid(): number {
    return this.#pid;
  }

  ask<Operation extends LockOperation>(
    op: Operation,
    args?: LockOperations[Operation]["asks"],
  ): Promise<LockOperations[Operation]["answers"]> {
    const id = (this.#lastId += 1);
    if (op === "acquire" || op === "takeTurn") this.#unasked.length = 0;
    return new Promise((resolve, reject) => {
      if (this.#hasEnded) {
        reject(new Error("The contender ended"));
        return;
      }
      this.#asked.set(id, { resolve, reject });
      this.#input.write(`${JSON.stringify({ id, op, args: args ?? {} })}\n`);
    });
  }

  /** Does not wait for the lock. */
  tryAcquire(order: Omit<AcquireOrder, "wait"> = {}): Promise<AcquireAnswer> {
    return this.ask("acquire", order);
  }

  /** Takes a lock that must be free. @returns its token */
  async acquire(order: Omit<AcquireOrder, "wait"> = {}): Promise<number> {
    return tokenOf(await this.tryAcquire(order));
  }

  /** Gets in line, and returns when it waits there; `granted` is the token, once it has the lock. */
  async getInLine(order: Omit<AcquireOrder, "wait"> = {}): Promise<{ readonly granted: Promise<number> }> {
    const granted = this.ask("acquire", { ...order, wait: true }).then(tokenOf);
    await Promise.race([this.nextWaiting(), granted]);
    return { granted };
  }

  /** The next thing it says unasked while it takes the lock: that it waits, and for what, or that it stands still. */
  async nextUnasked(): Promise<Unasked> {
    for (;;) {
      const said = this.#unasked.shift();
      if (said !== undefined) return said;
      await new Promise<void>((resolve) => {
        this.#onUnasked = resolve;
      });
    }
  }

  /** The next time it says that it waits, and for what; those it has said already come first. */
  async nextWaiting(): Promise<Extract<Unasked, { event: "waiting" }>> {
    const said = await this.nextUnasked();
    if (said.event !== "waiting") throw new Error(`It does not wait, but is ${said.event}`);
    return said;
  }

  /** SIGKILLs a process that is not this one's child, and returns when its pipes are closed. */
  async killByPid(): Promise<void> {
    const identity = identify(this.#pid);
    if (identity !== null) signalProcess(identity, "SIGKILL");
    await this.#gone;
  }

  #hear(message: LockEvent | Answer, ready: () => void): void {
    if ("event" in message) {
      if (message.event === "ready") {
        this.#pid = message.pid;
        ready();
      } else {
        this.#unasked.push(message);
        this.#onUnasked();
      }
      return;
    }
    const asked = this.#asked.get(message.id);
    this.#asked.delete(message.id);
    if ("error" in message) {
      const { name, message: text, code } = message.error;
      asked?.reject(new ContenderError(name, text, code));
    } else asked?.resolve(message.value as never);
  }

  #end(neverReady: (error: Error) => void): void {
    const ended = new Error("The contender ended");
    this.#hasEnded = true;
    neverReady(ended);
    for (const { reject } of this.#asked.values()) reject(ended);
    this.#asked.clear();
  }
}

function tokenOf(answer: AcquireAnswer): number {
  if (answer.held === null) throw new Error(`Refused: ${JSON.stringify(answer.view)}`);
  return answer.held.token;
}
