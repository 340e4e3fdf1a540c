import { existsSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { countReaders, isAlive, lookAt, openFilesOf } from "./live-processes.ts";
import type { Json } from "./program.ts";
import { hasKernelPulse } from "./pulses-here.ts";
import { until } from "./until.ts";
import { agent, type CallOptions, type Workspace } from "./workspace.ts";

export interface StartOptions extends CallOptions {
  readonly id?: string;
  /** More options of `start`. */
  readonly options?: readonly string[];
}

export interface StartedSession {
  readonly id: string;
  readonly uid: string;
  readonly token: number;
  /** Of the agent. */
  readonly pid: number;
  /** The agent's parent; 0 when the session has ended meanwhile. */
  readonly keeperPid: number;
}

/** Starts a session that must come to run: a sleeper, or another command. */
export async function startSession(
  workspace: Workspace,
  command: readonly string[] = agent("sleeper.sh"),
  { id = "demo", options = [], ...call }: StartOptions = {},
): Promise<StartedSession> {
  const started = await workspace.holdfast(["start", id, ...options, "--json", "--", ...command], call);
  expect(started).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('"ok":true') });
  const { token, session } = started.json();
  // Found in the process table, because asking `status` would cost every test a start of node.
  const keeper = workspace.keepers().find(({ pid }) => pid === lookAt(session.pid)?.ppid);
  return { id, uid: session.uid, token, pid: session.pid, keeperPid: keeper?.pid ?? 0 };
}

/** Waits until a holdfast waits for a session: for the lock on its claim in the kernel, or watching a lease. */
export async function untilItWaits({ pid }: { readonly pid: number }, what = `PID ${pid}`): Promise<void> {
  const isWaiting = hasKernelPulse
    ? () => waitsForClaim(pid)
    : () => openFilesOf(pid).some((path) => path.includes("anon_inode:inotify"));
  await until(isWaiting, { what: `${what} waits` });
}

/**
 * Who waits for a claim has it open to read. So has who only looks at it, and the kernel does not list which process waits:
 * this one does for certain if as many wait as have it open.
 */
function waitsForClaim(pid: number): boolean {
  const waits = [...readFileSync("/proc/locks", "latin1").matchAll(/->.* \w+:\w+:(\d+) /g)].map(([, inode]) => inode);
  return openFilesOf(pid)
    .filter((path) => path.includes("/claims/session."))
    .some((path) => {
      const inode = statSync(path, { throwIfNoEntry: false })?.ino;
      const waiting = waits.filter((each) => each === String(inode)).length;
      return waiting > 0 && waiting >= countReaders(path);
    });
}

/** The document of `status --json`. */
export async function statusOf(workspace: Workspace, { options = [], ...call }: StartOptions = {}): Promise<Json> {
  return (await workspace.holdfast(["status", ...options, "--json"], call)).json();
}

/** The one `ended` event of a session; fails unless there is exactly one. */
export function endOf(workspace: Workspace, uid: string): Json {
  const ended = workspace.events("ended").filter((event) => event["uid"] === uid);
  expect(ended).toHaveLength(1);
  return ended[0];
}

/** As `rm -rf .holdfast`, typed again while what runs puts something into it meanwhile. */
export function removeState({ state }: Workspace): void {
  rmSync(state, { recursive: true, maxRetries: 20, retryDelay: 5 });
}

/** Nothing is active here in any listing, on disk, or in the process table; and the lock can be had. */
export async function expectFree(workspace: Workspace, call: CallOptions = {}): Promise<void> {
  expect(workspace.agents()).toEqual([]);
  expect(existsSync(join(workspace.state, "session.lock"))).toBe(false);
  const checked = await workspace.holdfast(["status", "--check", "--json"], call);
  expect(checked.exitCode).toBe(3);
  expect(checked.json()).toMatchObject({ active: false, session: null, process_count: 0 });
  await workspace.untilEmpty();
}

/** Of these PIDs, those that are alive. */
export function survivorsOf(pids: readonly number[]): readonly number[] {
  return pids.filter((pid) => isAlive(pid));
}
