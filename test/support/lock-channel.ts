import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { identify, signalProcess } from "../../src/process/identity.ts";
import type { AcquireAnswer, AcquireOrder, Answer, LockEvent, LockOperation, LockOperations } from "./lock-messages.ts";

type Unasked = "waiting" | "pausing";
type EventOf<Kind extends Unasked> = Extract<LockEvent, { event: Kind }>;
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
  readonly #unasked: EventOf<Unasked>[] = [];
  #onUnasked: () => void = () => undefined;
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
    return new Promise((resolve, reject) => {
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

  /** The next time it says that it waits, and for what; those it has said already come first. */
  nextWaiting(): Promise<EventOf<"waiting">> {
    return this.#next("waiting");
  }

  /** The next time it stops itself, and before which step. */
  nextPause(): Promise<EventOf<"pausing">> {
    return this.#next("pausing");
  }

  /** SIGKILLs a process that is not this one's child, and returns when its pipes are closed. */
  async killByPid(): Promise<void> {
    const identity = identify(this.#pid);
    if (identity !== null) signalProcess(identity, "SIGKILL");
    await this.#gone;
  }

  async #next<Kind extends Unasked>(kind: Kind): Promise<EventOf<Kind>> {
    for (;;) {
      const index = this.#unasked.findIndex(({ event }) => event === kind);
      if (index >= 0) return this.#unasked.splice(index, 1)[0] as EventOf<Kind>;
      await new Promise<void>((resolve) => {
        this.#onUnasked = resolve;
      });
    }
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
    neverReady(ended);
    for (const { reject } of this.#asked.values()) reject(ended);
    this.#asked.clear();
  }
}

function tokenOf(answer: AcquireAnswer): number {
  if (answer.held === null) throw new Error(`Refused: ${JSON.stringify(answer.view)}`);
  return answer.held.token;
}
