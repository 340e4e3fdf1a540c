import { readStat } from "./proc-stat.ts";

/** The PIDs of this process and its ancestors, as far as /proc tells; this one alone without it. */
export function* ownLine(): Generator<number> {
  const seen = new Set<number>();
  for (let pid = process.pid; pid > 0 && !seen.has(pid);) {
    seen.add(pid);
    yield pid;
    const stat = readStat(pid);
    pid = typeof stat === "string" ? 0 : stat.ppid;
  }
}
