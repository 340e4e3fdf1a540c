import { waitInLine } from "./held-lock.ts";
import { childrenOf, lookAt } from "./live-processes.ts";
import type { RunningProgram } from "./program.ts";
import { until } from "./until.ts";
import type { CallOptions, Workspace } from "./workspace.ts";

/** The process that stands ready to become the command of a waiting `run`, once there is one. */
export function standbyOf({ pid }: RunningProgram): Promise<number> {
  const isStandby = (child: number) => lookAt(child)?.command.includes('exec "$@"') === true;
  return until(() => childrenOf(pid).find(isStandby), { what: `PID ${pid} has its command ready` });
}

/** Starts a `holdfast run` that is the next in line, and returns when it has its command ready. */
export async function readyWaiter(
  workspace: Workspace,
  words: readonly string[],
  call: CallOptions = {},
): Promise<{ readonly waiter: RunningProgram; readonly standby: number }> {
  const waiter = await waitInLine(workspace, words, call);
  return { waiter, standby: await standbyOf(waiter) };
}
