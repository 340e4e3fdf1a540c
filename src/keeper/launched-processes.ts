import { startedBefore, type ProcessIdentity } from "../process/identity.ts";
import type { ProcessEntry, ProcessTable } from "../process/table.ts";
import { findTree } from "../process/tree.ts";
import { readPidFile } from "../session/pid-file.ts";
import type { SessionInfo } from "../session/session-info.ts";
import { rootsOf } from "../session/session-roots.ts";

/** A process that is the agent, or in words why the PID file names none. */
export type NamedAgent =
  | { readonly agent: ProcessEntry }
  | {
      readonly agent: null;
      readonly why: string;
      /** Whether it names a process that lives. */
      readonly stranger: boolean;
    };

const longestCommand = 80;

/** What a launcher has started, as far as it is proven: by the session's cookie, by descent, or by the launcher's group. */
export class LaunchedProcesses {
  readonly #table: ProcessTable;
  readonly #session: () => SessionInfo;
  readonly #launcher: ProcessIdentity | null;
  readonly #known = new Map<number, ProcessIdentity>();

  /** @param session as it is now: its agent becomes known meanwhile */
  constructor(table: ProcessTable, session: () => SessionInfo, launcher: ProcessIdentity | null) {
    this.#table = table;
    this.#session = session;
    this.#launcher = launcher;
  }

  /** What lives of it beside the launcher itself, the eldest first. */
  async living(): Promise<readonly ProcessEntry[]> {
    await this.#rememberItsGroup();
    const tree = await findTree(this.#table, rootsOf(this.#session()), this.#known);
    const byPid = new Map(tree.map((entry) => [entry.pid, entry]));
    return tree
      .filter((entry) => entry.pid !== this.#launcher?.pid && !isAsking(entry, byPid))
      .toSorted((a, b) => a.startedAt.getTime() - b.startedAt.getTime() || a.pid - b.pid);
  }

  /** The eldest that may be the agent; null when none is. */
  async eldest(): Promise<ProcessEntry | null> {
    // Without arguments it is dying, or another program in a moment.
    return (await this.living()).find((entry) => isOwn(entry) && entry.argv.length > 0) ?? null;
  }

  /** What the PID file names, if that is the session's. A number in a file is no proof, whoever wrote it. */
  async named(path: string): Promise<NamedAgent> {
    const { pid, state } = readPidFile(path);
    if (state === "missing") return isNot("does not exist");
    if (pid === null) return isNot("holds no PID");
    if (state === "stale") return isNot(`names PID ${pid}, which does not run`);
    const living = await this.living();
    const agent = living.find((entry) => entry.pid === pid);
    if (agent !== undefined && isOwn(agent)) return { agent };
    const [other] = agent === undefined ? await this.#table.list((each) => each === pid) : [agent];
    return other === undefined ? isNot(`names PID ${pid}, which does not run`) : isNot(this.#whyNot(other), true);
  }

  #whyNot(entry: ProcessEntry): string {
    const { pid, command, user, identity } = entry;
    const what = `names PID ${pid} (${inShort(command)})`;
    if (!isOwn(entry)) return `${what}, a process of ${user}`;
    if (this.#launcher !== null && startedBefore(identity, this.#launcher))
      return `${what}, which ran before the launcher`;
    const missing =
      "its environment has not this session's HOLDFAST_SESSION, and it does not descend from the launcher";
    return `${what}, which is not proven to be this session's: ${missing}`;
  }

  /**
   * A process may have cleared its environment and lost its parent. But the launcher made a session and a group of its
   * own, which only what descends from it is in; and the kernel gives the number to nobody else while somebody is.
   */
  async #rememberItsGroup(): Promise<void> {
    const number = this.#launcher?.pid;
    if (number === undefined || this.#session().agent?.pid !== number) return;
    const entries = await this.#table.list();
    const holder = entries.find(({ pid }) => pid === number);
    if (holder !== undefined && holder.identity.started !== this.#launcher?.started) return;
    for (const { pid, pgid, sid, identity } of entries) {
      if (pid !== number && (pgid === number || sid === number)) this.#known.set(pid, identity);
    }
  }
}

/**
 * Whether it is of the command that asks if the agent is ready: a child of this keeper, as the launcher was, and nothing that
 * was launched. What a launcher has left is nobody's child any more when that has returned.
 */
function isAsking(entry: ProcessEntry, byPid: ReadonlyMap<number, ProcessEntry>): boolean {
  for (let at: ProcessEntry | undefined = entry; at !== undefined; at = byPid.get(at.ppid)) {
    if (at.ppid === process.pid) return true;
  }
  return false;
}

function isNot(why: string, stranger = false): NamedAgent {
  return { agent: null, why, stranger };
}

/** What another user runs cannot be kept: it may not be signalled. Root's keeper keeps everything. */
function isOwn({ uid }: ProcessEntry): boolean {
  const user = process.geteuid?.();
  return user === 0 || uid === user;
}

function inShort(command: string): string {
  const line = command.replaceAll(/\s+/g, " ");
  return line.length > longestCommand ? `${line.slice(0, longestCommand)}…` : line;
}
