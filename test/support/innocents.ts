import { accessSync, constants } from "node:fs";
import { expect } from "vitest";
import { isAlive, lookAt } from "./live-processes.ts";
import type { Json } from "./program.ts";
import { until } from "./until.ts";
import { agent, openWorkspace, type Workspace } from "./workspace.ts";

/** A stranger who tells of every signal; another workspace owns it. */
export interface Innocent {
  readonly pid: number;
  readonly started: string;
  /** The process group it is in. */
  readonly group: number;
  /** What it has said so far, which is more with each signal. */
  readonly said: () => string;
}

const lastPid = "/proc/sys/kernel/ns_last_pid";

/** One whose group's leader has ended. */
export async function startInnocent(): Promise<Innocent> {
  const elsewhere = openWorkspace();
  const [program = "", ...args] = agent("reports-signals.sh");
  const leader = elsewhere.spawn(["setsid", "sh", "-c", '"$0" "$@" >said 2>&1 & exit', program, ...args]);
  const innocent = await told(elsewhere, leader.pid);
  await until(() => !isAlive(leader.pid));
  return innocent;
}

/** One that leads its group, in which there is another process. */
export async function startInnocentLeader(): Promise<Innocent> {
  const elsewhere = openWorkspace();
  const [program = "", ...args] = agent("reports-signals.sh");
  const { pid } = elsewhere.spawn(["setsid", "sh", "-c", 'exec "$0" "$@" >said 2>&1', program, ...args]);
  return told(elsewhere, pid);
}

/** Whether this user may say which PID is given out next (proc(5), /proc/sys/kernel/ns_last_pid). */
export function canChoosePids(): boolean {
  try {
    accessSync(lastPid, constants.W_OK);
    return process.geteuid?.() === 0;
  } catch {
    return false;
  }
}

/** One whose group's leader had this PID, which is free, and has ended: only if `canChoosePids`. */
export async function startInnocentUnder(pid: number): Promise<Innocent> {
  const elsewhere = openWorkspace();
  const begin = '[ $$ = "$1" ] || exit; shift; "$@" >said 2>&1 & exit';
  const again = 'until [ -e said ]; do echo $(($1 - 1)) >"$0"; setsid sh -c "$2" sh "$1" "$3" "$4" & wait $!; done';
  const { ended } = elsewhere.spawn(["sh", "-c", again, lastPid, String(pid), begin, ...agent("reports-signals.sh")]);
  await ended;
  return told(elsewhere, pid);
}

async function told(elsewhere: Workspace, group: number): Promise<Innocent> {
  const pid = await elsewhere.announced("agent");
  const { started } = lookAt(pid) ?? { started: "" };
  return { pid, started, group, said: () => elsewhere.read("said") };
}

/** Alive, not stopped, and never signalled. */
export function expectUntouched({ pid, started, said }: Innocent): void {
  expect(lookAt(pid)).toMatchObject({ started, state: "S" });
  expect(said()).toBe(`agent ${pid}\n`);
}

/** Every command that could signal anybody, and those that only look. */
const everyCommand = [
  ["status"],
  ["list"],
  ["cleanup", "--dry-run"],
  ["join", "demo", "--no-follow"],
  ["leave", "demo"],
  ["stop", "demo", "--force", "--kill-after", "0"],
  ["stop", "--kill-after", "0"],
  ["wait", "demo", "--timeout", "0"],
  ["start", "next", "--", ...agent("sleeper.sh")],
  ["run", "-n", "--", "true"],
  ["run", "--wait", "1s", "--", "true"],
  ["watch", "--once"],
  ["cleanup", "--orphans"],
  ["cleanup", "--idle", "0", "--ended", "0"],
  ["start", "next", "--", ...agent("sleeper.sh")],
  ["stop", "next"],
  ["run", "--", "true"],
  ["cleanup", "--force"],
] as const;

/** Calls them one after another; none may meet a bug. */
export async function callEverything(workspace: Workspace): Promise<void> {
  for (const command of everyCommand) {
    const [verb, ...rest] = command;
    const { exitCode, stdout } = await workspace.holdfast([verb, "--json", ...rest]);
    expect({ command, exitCode, stdout }).toMatchObject({ exitCode: expect.toSatisfy((code) => code !== 70) });
  }
}

/** The claim as it would be, had this been its keeper, or its agent. */
export function claimNaming(claim: Json, named: { readonly owner?: object; readonly agent?: object }): Json {
  const { session } = claim.info;
  return {
    ...claim,
    owner: { ...claim.owner, ...named.owner },
    info: { ...claim.info, session: { ...session, leads_group: true, agent: { ...session.agent, ...named.agent } } },
  };
}
