import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { environmentOf, findProcesses, signalIfSame, workingDirectoryOf, type LiveProcess } from "./live-processes.ts";
import { startProgram, type Json, type Outcome, type RunningProgram } from "./program.ts";
import { until } from "./until.ts";

/*
 * The rig of the tests that run the built program:
 *
 *     const workspace = openWorkspace();                                   // a project of its own, for this test
 *     const started = await workspace.holdfast(["start", "demo", "--json", "--", ...agent("sleeper.sh")]);
 *     expect(started).toMatchObject({ exitCode: 0, json: { ok: true } });
 *     const daemon = await workspace.announced("daemon");                  // a PID that a fixture agent told
 *     const waiting = workspace.spawnHoldfast(["run", "--", "true"]);      // one that stays
 *     await until(() => waiting.stderr().includes("waiting"));
 *     expect(workspace.agents()).toEqual([]);                              // nothing but holdfast lives here any more
 *
 * Whatever lives in a workspace when its test is over, however that ended, is killed, and its directory removed.
 */

const repository = join(import.meta.dirname, "../..");
/** The program under test, for agents that call it themselves. */
export const bin = join(repository, "bin/holdfast.js");
const agents = join(repository, "test/fixtures/agents");

/** Marks every process that a workspace's holdfast starts, beside holdfast's own cookies. */
const marker = "WORKSPACE_UNDER_TEST";

export interface CallOptions {
  /** On top of the clean environment; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** The project's root when absent. */
  readonly cwd?: string;
  /** What stdin has; empty when absent. */
  readonly input?: string;
}

/** One line of the event log. */
export type LoggedEvent = Readonly<Record<string, Json>> & { readonly event: string };

/** The command line of an agent in test/fixtures/agents; each says in its first lines what it does. */
export function agent(name: string, ...args: (string | number)[]): string[] {
  const interpreter = name.endsWith(".sh") ? "sh" : process.execPath;
  return [interpreter, join(agents, name), ...args.map(String)];
}

/** A busy machine takes long to remove a directory with thousands of files. */
const disposalTimeoutMs = 120_000;

/** A temporary project for the test that calls this, cleared away when it ends. */
export function openWorkspace(): Workspace {
  const workspace = new Workspace();
  onTestFinished(() => workspace.dispose(), disposalTimeoutMs);
  return workspace;
}

function isHoldfast(command: string): boolean {
  return command.includes(bin) || command.includes("dist/keeper.js");
}

export class Workspace {
  /** Holds everything of this workspace; without symbolic links. */
  readonly #base = mkdtempSync(join(realpathSync(tmpdir()), "holdfast-test-"));
  /** The project's root, and the working directory of every call. */
  readonly root = join(this.#base, "project");
  readonly state = join(this.root, ".holdfast");
  readonly #announcements = join(this.#base, "announced");

  constructor() {
    // `.git` makes it a project, so that no directory above is taken for one.
    for (const directory of [join(this.root, ".git"), join(this.#base, "home")])
      mkdirSync(directory, { recursive: true });
  }

  /** Runs holdfast to its end, whatever its exit code. It must not leave a child that keeps its stdout or stderr open. */
  holdfast(args: readonly string[], options: CallOptions = {}): Promise<Outcome> {
    return this.spawnHoldfast(args, { ...options, input: options.input ?? "" }).ended;
  }

  /** Starts a holdfast that stays. Without `input` its stdin stays open, for `write` and `closeInput`. */
  spawnHoldfast(args: readonly string[], options: CallOptions = {}): RunningProgram {
    return this.spawn([process.execPath, bin, ...args], options);
  }

  /** Starts any program in this workspace: in its environment, ended with it. */
  spawn(command: readonly string[], options: CallOptions = {}): RunningProgram {
    const { cwd = this.root, input } = options;
    return startProgram(command, { cwd, input, env: this.#environment(options.env) });
  }

  /** Writes a file of the project. @returns its path */
  write(path: string, content: string): string {
    const file = join(this.root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
    return file;
  }

  /** Writes holdfast.json. */
  configure(configuration: unknown): void {
    this.write("holdfast.json", JSON.stringify(configuration));
  }

  /** A file of the project; empty when it does not exist. */
  read(path: string): string {
    try {
      return readFileSync(join(this.root, path), "utf8");
    } catch {
      return "";
    }
  }

  /**
   * The events in the log, oldest first, as they stand there. An empty line is no event: two that append at once may leave
   * one (see `endsTorn` in src/journal/journal.ts). @param kind only of this kind
   */
  events(kind?: string): LoggedEvent[] {
    const text = this.read(".holdfast/holdfast.log").split("\n").slice(0, -1);
    const lines = text.filter((line) => line !== "");
    const events = lines.map((line) => JSON.parse(line) as LoggedEvent);
    return kind === undefined ? events : events.filter(({ event }) => event === kind);
  }

  /** The session directories that exist. */
  sessionDirectories(): readonly string[] {
    try {
      return readdirSync(join(this.state, "sessions"));
    } catch {
      return [];
    }
  }

  /** What the agents of this session, or of all sessions, have written to `output.log`. */
  agentOutput(uid?: string): string {
    const uids = uid === undefined ? this.sessionDirectories() : [uid];
    return uids.map((each) => this.read(join(".holdfast/sessions", each, "output.log"))).join("");
  }

  /** Every number that fixture agents have announced under this word so far, in order. */
  announcements(word: string): readonly number[] {
    const lines = this.read("../announced").split("\n").slice(0, -1);
    return lines.map((line) => line.split(" ")).flatMap(([said, number]) => (said === word ? [Number(number)] : []));
  }

  /** The number (a PID, a port) that a fixture agent announces under this word, once it has; the last one. */
  announced(word: string): Promise<number> {
    return until(() => this.announcements(word).at(-1), { what: `an agent announces ${word}` });
  }

  /** Everything that lives in this workspace: its environment or its directory tells. Zombies do not live. */
  processes(): readonly LiveProcess[] {
    return findProcesses((pid) => this.#owns(pid));
  }

  /** What lives here beside holdfast itself: agents, and what they started. */
  agents(): readonly LiveProcess[] {
    return this.processes().filter(({ command }) => !isHoldfast(command));
  }

  /** The keepers that live here; one may outlive the end of its session by some milliseconds. */
  keepers(): readonly LiveProcess[] {
    return this.processes().filter(({ command }) => command.includes("dist/keeper.js"));
  }

  /** Waits until nothing at all lives here any more. */
  async untilEmpty(): Promise<void> {
    await until(() => this.processes().length === 0, { what: "no process is left in the workspace" });
  }

  /** Ends what is left and removes the directory. `openWorkspace` calls it when the test is over. */
  async dispose(): Promise<void> {
    await until(() => this.#killAll() && this.#killAll(), { what: `nothing is left in ${this.#base}` });
    rmSync(this.#base, { recursive: true, force: true });
  }

  /** Holds everything before it kills, because something may fork faster than it dies. @returns whether nothing is left */
  #killAll(): boolean {
    const left = this.processes();
    for (const each of left) signalIfSame(each, "SIGSTOP");
    for (const each of left) signalIfSame(each, "SIGKILL");
    return left.length === 0;
  }

  #owns(pid: number): boolean {
    const directory = workingDirectoryOf(pid);
    if (directory === this.#base || directory.startsWith(`${this.#base}/`)) return true;
    return environmentOf(pid, marker) === this.#base || environmentOf(pid, "HOLDFAST_DIR") === this.root;
  }

  /** Little, and the same everywhere: nothing of holdfast's own variables, colours or locale comes from outside. */
  #environment(more: CallOptions["env"] = {}): Record<string, string> {
    const environment = {
      PATH: `${dirname(process.execPath)}:${process.env["PATH"] ?? ""}`,
      HOME: join(this.#base, "home"),
      SHELL: "/bin/sh",
      LANG: "C.UTF-8",
      TZ: "UTC",
      [marker]: this.#base,
      ANNOUNCE: this.#announcements,
      ...more,
    };
    return Object.fromEntries(
      Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined),
    );
  }
}
