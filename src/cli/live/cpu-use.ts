import type { ProcessEntry } from "../../process/table.ts";
import type { Status } from "../../session/status.ts";

/** What processes had used when they were last looked at. */
interface Used {
  readonly atMs: number;
  readonly seconds: ReadonlyMap<string, number>;
}

/** The CPU that processes use now: between two looks at them, as `top` shows it. */
export class CpuUse {
  #before: Used | null = null;

  /**
   * The same status, with `cpuPercent` of each process being what it used since the look before. One that was not
   * there then keeps its average: it has hardly lived for longer. 100 is one CPU.
   * @param nowMs when the processes were looked at, by a clock that never goes back
   */
  since(status: Status, nowMs: number): Status {
    const before = this.#before;
    const entries = [...status.sessions.flatMap(({ processes }) => processes), ...status.outside];
    this.#before = { atMs: nowMs, seconds: new Map(entries.map((entry) => [keyOf(entry), entry.cpuSeconds])) };
    if (before === null || nowMs <= before.atMs) return status;
    const recent = (entry: ProcessEntry) => withRecentUse(entry, before, nowMs);
    return {
      ...status,
      sessions: status.sessions.map((session) => ({ ...session, processes: session.processes.map(recent) })),
      outside: status.outside.map(recent),
    };
  }
}

/** Its PID alone may be another's by the next look. */
function keyOf({ identity: { pid, started } }: ProcessEntry): string {
  return `${pid} ${started}`;
}

/** An entry reads its fields when they are asked for, so a copy names each. */
function withRecentUse(entry: ProcessEntry, before: Used, nowMs: number): ProcessEntry {
  const usedSeconds = before.seconds.get(keyOf(entry));
  if (usedSeconds === undefined) return entry;
  const { identity, pid, ppid, pgid, sid, uid, user, name, command, argv, state, startedAt, cpuSeconds, tty } = entry;
  const cpuPercent = (Math.max(0, cpuSeconds - usedSeconds) / (nowMs - before.atMs)) * 100_000;
  const own = { identity, pid, ppid, pgid, sid, uid, user, name, command, argv, state, startedAt, cpuSeconds, tty };
  return { ...own, residentBytes: entry.residentBytes, cpuPercent };
}
