import { errorText, Failure } from "../failure.ts";
import { here, type ProcessIdentity } from "./identity.ts";
import { lookAtProcess } from "./look-at-process.ts";
import { environmentOptions, parsePidLines, parsePsEnvironment } from "./ps-environment.ts";
import { parsePsRows, psColumns, type PsRow } from "./ps-rows.ts";
import { goneUid, type ProcessEntry, type ProcessTable } from "./table.ts";
import { UserNames } from "./user-names.ts";

/** What is taken from ps-list. */
interface Listed {
  readonly pid: number;
  readonly ppid: number;
  readonly name: string;
  readonly cmd?: string;
  readonly uid?: number;
  readonly startTime?: Date;
}

/** What `ps` printed about all environments at one moment. */
interface Environments {
  readonly commands: ReadonlyMap<number, string>;
  readonly withEnvironment: ReadonlyMap<number, string>;
}

/**
 * The process table where there is no /proc: ps-list, and what it lacks from one more `ps`. Costs some 50 ms and three
 * processes a listing.
 */
export class PsTable implements ProcessTable {
  /** lsof(8) could tell; it takes some 100 ms for each look, and the cookie finds nearly everything. */
  readonly seesFiles = false;
  readonly #users = new UserNames();
  #environments: Promise<Environments> | undefined;

  /** @throws Failure `UNAVAILABLE` when there is no `ps`, or one that lacks what holdfast needs (as that of busybox) */
  async list(among: (pid: number) => boolean = () => true): Promise<readonly ProcessEntry[]> {
    this.#environments = undefined;
    const askedAt = new Date();
    const { default: psList } = await import("ps-list");
    const [listed, rows] = await Promise.all([
      psList().catch((error: unknown) => unavailable(error)),
      run("ps", ["-A", "-ww", ...psColumns.flatMap((column) => ["-o", `${column}=`])]).then(parsePsRows),
    ]);
    const byPid = new Map(listed.map((process) => [process.pid, process]));
    return rows.flatMap((row) => {
      const other = byPid.get(row.pid);
      if (other === undefined || !among(row.pid) || !startedTogether(row.startedAt, other.startTime)) return [];
      const identity = identityOf(row);
      return identity === null || isOwnTool(row, other, askedAt) ? [] : [this.#entryOf(row, other, identity)];
    });
  }

  /**
   * See `parsePsEnvironment`. All processes are asked about at once, and again only after the next `list()`, or for a
   * process that was not there yet.
   */
  async variablesOf(pid: number): Promise<ReadonlyMap<string, string> | null> {
    let environments = await (this.#environments ??= readEnvironments());
    if (!environments.withEnvironment.has(pid)) {
      this.#environments = readEnvironments();
      environments = await this.#environments;
    }
    const command = environments.commands.get(pid);
    const text = environments.withEnvironment.get(pid);
    return command === undefined || text === undefined ? null : parsePsEnvironment(command, text);
  }

  /** By lsof(8), which macOS brings along. */
  async workingDirectoryOf(pid: number): Promise<string | null> {
    const output = await run("lsof", ["-w", "-a", "-p", String(pid), "-d", "cwd", "-Fn"]).catch(() => "");
    const directory = /^n(\/.*)$/m.exec(output)?.[1] ?? null;
    return directory?.includes(" (readlink: ") === true ? null : directory;
  }

  writesTo(): Promise<boolean | null> {
    return Promise.resolve(null);
  }

  #entryOf(row: PsRow, listed: Listed, identity: ProcessIdentity): ProcessEntry {
    const uid = listed.uid ?? goneUid;
    // `ps` tells whole seconds: of a younger process it does not know how long it has lived.
    const lifeSeconds = Math.max((Date.now() - row.startedAt.getTime()) / 1000, 1);
    const argv = argvOf(row, listed);
    return {
      identity,
      pid: row.pid,
      ppid: listed.ppid,
      pgid: row.pgid,
      sid: row.sid,
      uid,
      user: this.#users.nameOf(uid) ?? row.user,
      name: listed.name,
      command: argv.length === 0 ? `[${listed.name}]` : argv.join(" "),
      argv,
      state: row.state,
      startedAt: row.startedAt,
      cpuSeconds: row.cpuSeconds,
      cpuPercent: (row.cpuSeconds / lifeSeconds) * 100,
      residentBytes: row.residentBytes,
      tty: row.tty,
    };
  }
}

/** Without arguments `ps` shows the name in brackets or, on the BSDs, in parentheses. */
function argvOf(row: PsRow, { cmd = "" }: Listed): readonly string[] {
  if (row.state === "zombie" || cmd === "" || /^(\[.*\]|\(.*\))$/.test(cmd)) return [];
  return cmd.split(" ");
}

/** As `identify` would say it, so that this table's identities can be signalled. */
function identityOf({ pid, started }: PsRow): ProcessIdentity | null {
  if (process.platform !== "linux") return { pid, started, ...here() };
  const look = lookAtProcess(pid);
  return typeof look === "string" ? null : { pid, started: look.started, ...here() };
}

/**
 * The two tables come from different runs of `ps`, between which a PID can change hands. ps-list reads start times as
 * local time, which is off by some quarters of an hour when the clocks have just changed.
 */
function startedTogether(startedAt: Date, other: Date | undefined): boolean {
  if (other === undefined) return true;
  const quarterMs = 15 * 60 * 1000;
  const offMs = Math.abs(startedAt.getTime() - other.getTime()) % quarterMs;
  return Math.min(offMs, quarterMs - offMs) <= 1000;
}

/** The runs of `ps` that made this table: inside a session they carry its cookie, and every look would find new ones. */
function isOwnTool(row: PsRow, listed: Listed, askedAt: Date): boolean {
  return listed.ppid === process.pid && listed.name === "ps" && row.startedAt.getTime() >= askedAt.getTime() - 2000;
}

async function readEnvironments(): Promise<Environments> {
  const columns = ["-o", "pid=", "-o", "args="];
  const [commands, withEnvironment] = await Promise.all([
    run("ps", ["-A", "-ww", ...columns]),
    run("ps", [...environmentOptions(process.platform), ...columns]),
  ]);
  return { commands: parsePidLines(commands), withEnvironment: parsePidLines(withEnvironment) };
}

async function run(command: string, parameters: readonly string[]): Promise<string> {
  const { execa } = await import("execa");
  // Local time would give one process two start times: in another TZ, and after the clocks change.
  const options = { env: { LC_ALL: "C", TZ: "UTC" }, stdin: "ignore", maxBuffer: 256 * 1024 * 1024 } as const;
  const { stdout } = await execa(command, parameters, options).catch((error: unknown) => unavailable(error));
  return stdout;
}

function unavailable(error: unknown): never {
  throw new Failure("UNAVAILABLE", `Cannot list the processes with ps: ${errorText(error)}`, { cause: error });
}
