import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { errnoOf } from "../failure.ts";
import { lookAtProcess } from "./look-at-process.ts";
import { bootByPs, lookByPs } from "./look-by-ps.ts";
import { readStat } from "./proc-stat.ts";

/**
 * Which process this is: never a bare PID, because PIDs are used again. The names are snake_case because it is stored.
 */
export interface ProcessIdentity {
  readonly pid: number;
  /** Linux: clock ticks since boot (/proc/PID/stat, field 22). Elsewhere: the text of `ps -o lstart`, in UTC. */
  readonly started: string;
  /** Linux: /proc/sys/kernel/random/boot_id, which containers share with their host. Empty: not known. */
  readonly boot: string;
  /** Linux: `readlink /proc/self/ns/pid`. Elsewhere empty. */
  readonly pid_ns: string;
  readonly host: string;
}

/** `unknown`: of another host or PID namespace, or hidden from this user. */
export type Liveness = "alive" | "dead" | "unknown";

/** Where this process runs: what the PIDs it sees refer to. */
export type Locality = Pick<ProcessIdentity, "boot" | "pid_ns" | "host">;

/**
 * - `signalled`: the process was this one, and has the signal.
 * - `gone`: no such process any more, or only its zombie.
 * - `not_ours`: the PID belongs to another process, or that cannot be told from here. Nothing was signalled.
 * - `not_permitted`: it is the process, and the kernel refused the signal.
 */
export type SignalResult = "signalled" | "gone" | "not_ours" | "not_permitted";

let locality: Locality | undefined;
let self: ProcessIdentity | undefined;

/** Where this process runs; cached. */
export function here(): Locality {
  locality ??=
    process.platform === "linux"
      ? {
          boot: orEmpty(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()),
          pid_ns: orEmpty(() => readlinkSync("/proc/self/ns/pid")),
          host: hostname(),
        }
      : { boot: bootByPs(), pid_ns: "", host: hostname() };
  return locality;
}

/**
 * The identity of the process that has this PID now.
 * @returns null when there is none, it is a zombie, or it is hidden from this user
 */
export function identify(pid: number): ProcessIdentity | null {
  if (pid === process.pid) return selfIdentity();
  const look = lookAtProcess(pid);
  if (typeof look === "string" || look.zombie) return null;
  return { pid, started: look.started, ...here() };
}

/**
 * The identity of a child of this process whose end Node has not told yet: its PID is its own until then, so a zombie has
 * one, too. What it has started may live, and is found by it.
 */
export function identifyChild(pid: number): ProcessIdentity | null {
  const look = lookAtProcess(pid);
  return typeof look === "string" ? null : { pid, started: look.started, ...here() };
}

/** The identity of this process; cached. On Linux it costs three small reads. */
export function selfIdentity(): ProcessIdentity {
  self ??= { pid: process.pid, started: ownStart(), ...here() };
  return self;
}

/** Whether two identities name the same process. The host name is no part of that: it may change while both live. */
export function isSameProcess(a: ProcessIdentity, b: ProcessIdentity): boolean {
  return a.pid === b.pid && a.started === b.started && a.boot === b.boot && a.pid_ns === b.pid_ns;
}

/** Whether `a` certainly started before `b`: never of processes of different boots, which cannot be compared. */
export function startedBefore(a: ProcessIdentity, b: ProcessIdentity): boolean {
  return olderThan(b)(a);
}

/** `startedBefore`, to be asked of many. */
export function olderThan({
  boot,
  started,
}: Pick<ProcessIdentity, "boot" | "started">): (other: ProcessIdentity) => boolean {
  const order = orderOf(started);
  return (other) => other.boot === boot && orderOf(other.started) < order;
}

/** Clock ticks, or the time that `ps` printed. NaN, which is before nothing, for what is neither. */
function orderOf(started: string): number {
  return /^\d+$/.test(started) ? Number(started) : Date.parse(`${started} UTC`);
}

/**
 * Where a process is, seen from here.
 * - `here`: PIDs mean the same here and there.
 * - `other_pid_namespace`: the same kernel, in another container; its PIDs mean nothing here.
 * - `other_machine`: another kernel; or this machine before it was booted, if it has the same host name.
 * - `unknown`: the system does not tell which kernel this is.
 */
export type Whereabouts = "here" | "other_pid_namespace" | "other_machine" | "unknown";

/** Goes by the boot and the PID namespace, and never by the name of the host. */
export function whereaboutsOf({ boot, pid_ns: namespace }: ProcessIdentity): Whereabouts {
  const mine = here();
  if (boot === "" || mine.boot === "") return "unknown";
  if (boot !== mine.boot) return "other_machine";
  return namespace === mine.pid_ns ? "here" : "other_pid_namespace";
}

/** `in another PID namespace on this machine`, `on build7`: to be said behind a PID, which means nothing here then. */
export function whereText(where: Whereabouts, host: string): string {
  switch (where) {
    case "here":
      return "";
    case "other_pid_namespace":
      return "in another PID namespace on this machine";
    case "other_machine":
      return `on ${host}`;
    case "unknown":
      return `on ${host}, as far as can be told`;
  }
}

/**
 * Whether this very process still runs. Of another PID namespace or machine nothing can be told; but what ran under this
 * host name before a reboot is dead.
 */
export function livenessOf(identity: ProcessIdentity): Liveness {
  const where = whereaboutsOf(identity);
  if (where === "other_machine" && identity.host === here().host) return "dead";
  if (where !== "here") return "unknown";
  const look = lookAtProcess(identity.pid);
  if (look === "hidden") return "unknown";
  return look !== "none" && !look.zombie && look.started === identity.started ? "alive" : "dead";
}

/**
 * Signals a process only if it is still the one that was meant. Node has no pidfd_send_signal(2), so between the look
 * and the signal lie some microseconds, in which the process would have to end and its PID be used again: the kernel
 * hands out PIDs in a circle, so it would have to go all the way round in that time.
 */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): SignalResult {
  const { pid } = identity;
  // kill(2) takes 0 and negative numbers for groups; 1 is init, or the first process of a container.
  if (!Number.isSafeInteger(pid) || pid <= 1) return "not_ours";
  const liveness = livenessOf(identity);
  if (liveness === "unknown") return "not_ours";
  if (liveness === "dead") return isUsedByAnother(identity) ? "not_ours" : "gone";
  try {
    process.kill(pid, signal);
    return "signalled";
  } catch (error) {
    if (errnoOf(error) === "ESRCH") return "gone";
    if (errnoOf(error) === "EPERM") return "not_permitted";
    throw error;
  }
}

function isUsedByAnother(identity: ProcessIdentity): boolean {
  const look = lookAtProcess(identity.pid);
  return look === "hidden" || (look !== "none" && look.started !== identity.started);
}

function ownStart(): string {
  // By /proc/self, which is this process even where /proc numbers the others differently.
  const look = process.platform === "linux" ? readStat("self") : lookByPs(process.pid);
  return typeof look === "string" ? "" : look.started;
}

function orEmpty(read: () => string): string {
  try {
    return read();
  } catch {
    return "";
  }
}
