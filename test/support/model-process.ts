import { join } from "node:path";
import { Failure } from "../../src/failure.ts";
import type { Beat, Pulse, PulsedFile } from "../../src/lock/pulse.ts";
import type { Pulses } from "../../src/lock/pulses.ts";
import type { Liveness, ProcessIdentity } from "../../src/process/identity.ts";
import { numbersIn } from "./lock-model-steps.ts";
import { neverAborted } from "./never-aborted.ts";

/*
 * A process that exists only in a model: the lock's own code runs over these stand-ins for `node:fs`, for the pulse, and for
 * what it knows of processes. Each question to them is a step. It is answered from a list, and where that ends the process
 * stands still for good: what comes next is known then.
 *
 * What nobody else can see or notice is no step: drafts that have no number yet, `session.lock`, closing a file.
 */

export type Directory = "claims" | "queue";

/** What a process may ask of the world next. It has one file at a time in each directory: its claim and its ticket. */
export type Asked =
  | { readonly op: "arrive" | "sleep" | "ended" }
  | { readonly op: "readdir" | "end"; readonly directory: Directory }
  | { readonly op: "read" | "isMine" | "unlink" | "wait"; readonly directory: Directory; readonly number: number }
  | { readonly op: "probe"; readonly directory: Directory; readonly number: number; readonly pid: number }
  | { readonly op: "link"; readonly directory: Directory; readonly number: number; readonly text: number }
  | { readonly op: "append"; readonly directory: Directory; readonly text: number; readonly isReleased: boolean };

/** Thrown where the answers end. A `Failure`, because nothing is caught and thrown again that is one. */
class StandsStill extends Failure {
  constructor() {
    super("INTERNAL", "It stands still");
  }
}

/** What files say, by number; 0 is no file. */
const texts: string[] = [""];
const textNumbers = new Map<string, number>();

export function textNumber(text: string): number {
  const known = textNumbers.get(text);
  if (known !== undefined) return known;
  textNumbers.set(text, texts.push(text) - 1);
  return texts.length - 1;
}

const state = "/model";
export const paths = { claims: join(state, "claims"), queue: join(state, "queue"), link: join(state, "session.lock") };

export function identityOf(pid: number): ProcessIdentity {
  return { pid, started: "1", boot: "model", pid_ns: "", host: "model" };
}

interface Draft {
  readonly directory: Directory;
  text: string;
  number: number | null;
}

let current: ModelProcess | null = null;

/** Whose code runs now. */
export function running(): ModelProcess {
  if (current === null) throw new Error("No process of a model runs");
  return current;
}

export class ModelProcess {
  readonly identity: ProcessIdentity;
  readonly #answers: readonly number[];
  #tell: (asked: Asked) => void = () => undefined;
  readonly #descriptors = new Map<number, Draft | string>();
  readonly #drafts = new Map<string, Draft>();
  #taken = 0;
  #isStill = false;
  #isOwnerAlive = false;
  readonly #tasks: (() => void)[] = [];
  /** Since the last answer: a word for all that the process remembers, if it has come to such a place. */
  mark: string | null = null;
  /** Since the last answer: what it has got, and need not give back yet. */
  settled: Directory | null = null;

  constructor(pid: number, answers: readonly number[]) {
    this.identity = identityOf(pid);
    this.#answers = answers;
  }

  /** Runs the code of this process, and nobody else's, as far as its answers go. @returns what it asks then */
  async run(program: (process: ModelProcess) => Promise<void>): Promise<Asked> {
    // oxlint-disable-next-line typescript/no-this-alias -- which process runs is known to the file system, too
    current = this;
    const asked = await new Promise<Asked>((resolve, reject) => {
      this.#tell = resolve;
      program(this).then(() => this.#next({ op: "ended" }), reject);
    });
    await this.#untilQuiet();
    current = null;
    return asked;
  }

  /** For a question whose answer the code awaits. */
  async ask(asked: Asked): Promise<number> {
    return this.#next(asked) ?? forEver();
  }

  /** For one in the middle of the code. */
  askNow(asked: Asked): number {
    const answer = this.#next(asked);
    if (answer === null) throw new StandsStill();
    return answer;
  }

  remember(mark: string): void {
    if (this.#isStill) return;
    const drafts = [...this.#drafts.values()].map(({ directory, number }) => `${directory}.${number}`);
    this.mark = [mark, ...drafts.toSorted()].join(" ");
  }

  /** `setImmediate` and `setTimeout`, whose turn comes when the program says so. */
  later(task: () => void): void {
    this.#tasks.push(task);
  }

  /** Does what was put off, and all that comes of it. */
  async doTasks(): Promise<void> {
    while (this.#tasks.length > 0) {
      for (const task of this.#tasks.splice(0)) task();
      await this.#untilQuiet();
      // What comes after this would be done while another one runs.
      if (this.#isStill) await forEver();
    }
  }

  get livenessOfProbed(): Liveness {
    return this.#isOwnerAlive ? "alive" : "dead";
  }

  async probe({ path, owner }: PulsedFile): Promise<boolean> {
    const answer = await this.ask({ op: "probe", ...placeOf(path), pid: owner.pid });
    this.#isOwnerAlive = (answer & 2) !== 0;
    return (answer & 1) !== 0;
  }

  open(path: string, creates: boolean): number {
    const descriptor = this.#descriptors.size + 3;
    if (creates) {
      const draft: Draft = { directory: directoryOf(path), text: "", number: null };
      this.#drafts.set(path, draft);
      this.#descriptors.set(descriptor, draft);
    } else {
      this.#descriptors.set(descriptor, this.read(path));
    }
    return descriptor;
  }

  read(path: string): string {
    const text = texts[this.askNow({ op: "read", ...placeOf(path) })];
    if (text === undefined || text === "") throw systemError("ENOENT");
    return text;
  }

  bytesOf(descriptor: number): Buffer {
    const file = this.#descriptors.get(descriptor) ?? "";
    return Buffer.from(typeof file === "string" ? file : file.text);
  }

  write(descriptor: number, text: string): void {
    const file = this.#descriptors.get(descriptor);
    if (file === undefined || typeof file === "string") throw systemError("EBADF");
    file.text += text;
    if (file.number === null) return;
    const isReleased = text.includes('"state":"released"');
    this.askNow({ op: "append", directory: file.directory, text: textNumber(text), isReleased });
  }

  link(from: string, to: string): void {
    if (!isNumbered(to)) return;
    const draft = this.#drafts.get(from);
    if (draft === undefined) throw systemError("ENOENT");
    const line = `${draft.text.trimEnd().split("\n").at(-1)}\n`;
    if (this.askNow({ op: "link", ...placeOf(to), text: textNumber(line) }) === 0) throw systemError("EEXIST");
    draft.number = placeOf(to).number;
  }

  unlink(path: string): void {
    const draft = this.#drafts.get(path);
    if (draft !== undefined && draft.number !== null && !this.#isStill) this.settled = draft.directory;
    if (!isNumbered(path)) return;
    if (this.askNow({ op: "unlink", ...placeOf(path) }) === 0) throw systemError("ENOENT");
    const { directory, number } = placeOf(path);
    for (const each of this.#drafts.values())
      if (each.directory === directory && each.number === number) each.number = null;
  }

  /** The pulse of the one file that it has there. */
  async end(directory: Directory): Promise<void> {
    for (const [path, draft] of this.#drafts) if (draft.directory === directory) this.#drafts.delete(path);
    await this.ask({ op: "end", directory });
  }

  #next(asked: Asked): number | null {
    const answer = this.#answers[this.#taken];
    if (this.#isStill || answer === undefined) {
      if (!this.#isStill) this.#tell(asked);
      this.#isStill = true;
      return null;
    }
    this.#taken += 1;
    [this.mark, this.settled] = [null, null];
    return answer;
  }

  /** Nothing here waits for anything but answers: then everything has run that was due. */
  #untilQuiet(): Promise<void> {
    return new Promise((resolve) => realImmediate(resolve));
  }
}

const realImmediate = setImmediate;
const forEver = () => new Promise<never>(() => undefined);

const systemError = (code: string) => Object.assign(new Error(code), { code });

function isNumbered(path: string): boolean {
  return /^\/model\/(?:claims|queue)\/session\.\d+$/.test(path);
}

function directoryOf(path: string): Directory {
  return path.startsWith(`${paths.queue}/`) ? "queue" : "claims";
}

function placeOf(path: string): { readonly directory: Directory; readonly number: number } {
  return { directory: directoryOf(path), number: Number(path.slice(path.lastIndexOf(".") + 1)) };
}

class ModelPulse implements Pulse {
  readonly kind = "kernel";

  async begin(path: string, descriptor: number): Promise<Beat> {
    const directory = directoryOf(path);
    const end = running().end.bind(running(), directory);
    return { mark: { kind: "kernel" }, descriptor, lost: neverAborted(), end, leave: end };
  }

  async probe(file: PulsedFile) {
    return (await running().probe(file)) ? ("beating" as const) : ("dead" as const);
  }

  async waitForEnd({ path }: PulsedFile): Promise<void> {
    await running().ask({ op: "wait", ...placeOf(path) });
  }
}

const pulse = new ModelPulse();

export const pulses: Pulses = {
  byKind: { kernel: pulse, lease: pulse },
  forNew: pulse,
  choice: { kind: "kernel", why: "it is a model", fileSystem: { shared: false, name: "model" } },
};

/** What the lock's code finds in place of `node:fs`, but for the constants. */
export const modelFileSystem = {
  readdirSync: (path: string) => {
    const directory = path === paths.queue ? "queue" : "claims";
    return numbersIn(running().askNow({ op: "readdir", directory })).map((number) => `session.${number}`);
  },
  openSync: (path: string, flags: number) => running().open(path, (flags & createFlag) !== 0),
  closeSync: () => undefined,
  readSync: (descriptor: number, buffer: Buffer, offset: number, length: number, position: number) =>
    running()
      .bytesOf(descriptor)
      .copy(buffer, offset, position, position + length),
  writeSync: (descriptor: number, bytes: Buffer) => {
    running().write(descriptor, bytes.toString());
    return bytes.length;
  },
  fstatSync: (descriptor: number) => ({
    ...own,
    size: running().bytesOf(descriptor).length,
    uid: me,
    mode: 0o600,
    isFile: () => true,
  }),
  /** Asked for nothing but whether it is still one's own. */
  statSync: (path: string) => {
    if (!isNumbered(path) || running().askNow({ op: "isMine", ...placeOf(path) }) === 0) throw systemError("ENOENT");
    return own;
  },
  linkSync: (from: string, to: string) => running().link(from, to),
  unlinkSync: (path: string) => running().unlink(path),
  renameSync: () => undefined,
  rmdirSync: () => undefined,
  ftruncateSync: () => undefined,
  existsSync: (path: string) => path === paths.claims || path === paths.queue,
};

const own = { ino: 1, dev: 1 };
const me = process.geteuid?.();
/** `O_CREAT`, on every system that this runs on. */
const createFlag = process.platform === "darwin" ? 0x02_00 : 0o100;
