import { dirname } from "node:path";
import type { Failure, NextStep } from "../../failure.ts";
import { shellWord } from "../../home/shell-word.ts";
import type { Check } from "../../session/doctor-check.ts";

/** What to look at when the system refused something. Whoever knows better has said so in the failure itself. */
const advice: Readonly<Record<string, (path: string) => NextStep>> = {
  ENOSPC: (path) => ({ does: "see what is full", command: `df -h ${shellWord(dirname(path))}` }),
  EDQUOT: () => ({ does: "see your quota", command: "quota -s" }),
  EACCES: (path) => ({ does: "see whose it is", command: `ls -ld ${shellWord(path)}` }),
  EPERM: (path) => ({ does: "see whose it is", command: `ls -ld ${shellWord(path)}` }),
  // Something above it.
  ENOTDIR: (path) => ({ does: "see what that is", command: `ls -ld ${shellWord(dirname(path))}` }),
  EISDIR: (path) => ({ does: "see what it is", command: `ls -ld ${shellWord(path)}` }),
  ELOOP: (path) => ({ does: "see what it is", command: `ls -ld ${shellWord(path)}` }),
  EROFS: () => ({
    does: "keep the state elsewhere: the same place for all who share the lock",
    command: "HOLDFAST_STATE_DIR=/var/tmp/holdfast holdfast …",
  }),
  EMFILE: () => ({ does: "see the limit", command: "ulimit -n" }),
  ENFILE: () => ({ does: "see the limit", command: "cat /proc/sys/fs/file-nr" }),
  EAGAIN: () => ({ does: "see the limits", command: "ulimit -a" }),
  ENOMEM: () => ({ does: "see the limits", command: "ulimit -a" }),
};

/** What to type next after a failure: what it says itself, else what its errno, or its code, asks for. */
export function adviceOn(failure: Failure): readonly NextStep[] {
  const steps = adviceBeforeDoctor(failure);
  if (steps.length > 0 || failure.code !== "CONFIG") return steps;
  return [{ does: "check it again", command: "holdfast doctor" }];
}

function adviceBeforeDoctor({ next, facts }: Failure): readonly NextStep[] {
  const { errno, path } = facts;
  if (next.length > 0 || typeof errno !== "string") return next;
  const step = new Map(Object.entries(advice)).get(errno);
  return step === undefined ? [] : [step(typeof path === "string" ? path : ".")];
}

/** What to type next about something that `doctor` has tried. */
export function adviceOnCheck({ failure, warning }: Check): readonly NextStep[] {
  return failure === null ? (warning ?? []) : adviceBeforeDoctor(failure);
}

/** The same on several, each command once. */
export function adviceOnAll(failures: readonly Failure[]): readonly NextStep[] {
  const steps = failures.flatMap((failure) => adviceOn(failure));
  return steps.filter(({ command }, index) => steps.findIndex((other) => other.command === command) === index);
}
