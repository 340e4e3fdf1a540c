import { readStat } from "./proc-stat.ts";

/** The PIDs of a process, this one by default, and its ancestors, as far as /proc tells; it alone without that. */
export function* lineOf(first = process.pid): Generator<number> {
  const seen = new Set<number>();
  for (let pid = first; pid > 0 && !seen.has(pid);) {
    seen.add(pid);
    yield pid;
    const stat = readStat(pid);
    pid = typeof stat === "string" ? 0 : stat.ppid;
  }
}

let adopters: ReadonlySet<number> | undefined;

/**
 * To whom the kernel may give descendants of this process that lose their parents, beside init: itself, or one of its
 * ancestors (prctl(2), PR_SET_CHILD_SUBREAPER). They are as they were when it was first asked: an ancestor drops out of
 * the line when it dies, and none ever joins it.
 */
export function possibleAdopters(): ReadonlySet<number> {
  return (adopters ??= new Set(lineOf()));
}
