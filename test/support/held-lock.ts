import { closeSync, constants, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Outcome, RunningProgram } from "./program.ts";
import { until } from "./until.ts";
import { agent, type CallOptions, type Workspace } from "./workspace.ts";

export interface HeldLock {
  /** The `holdfast run` that holds the lock. */
  readonly run: RunningProgram;
  readonly agentPid: number;
  /** Lets the command end, and with it the session. */
  letGo(): Promise<Outcome>;
}

export interface HoldOptions {
  readonly id?: string;
  /** What the command exits with; 0 when absent. */
  readonly exitCode?: number;
  /** More options of `holdfast run`. */
  readonly options?: readonly string[];
  readonly env?: CallOptions["env"];
}

/** Holds the workspace's lock by a `holdfast run` that ends when it is told to. */
export async function holdLock(
  workspace: Workspace,
  { id = "holder", exitCode = 0, options = [], env = {} }: HoldOptions = {},
): Promise<HeldLock> {
  const fifo = `let-go-${id}`;
  const command = agent("exits-when-told.sh", fifo, exitCode);
  const run = workspace.spawnHoldfast(["run", "--id", id, ...options, "--", ...command], { env });
  const agentPid = await until(() => /^agent (\d+)$/m.exec(run.stdout())?.[1], { what: `${id} holds the lock` });
  await until(() => workspace.events("started").some(({ pid }) => pid === Number(agentPid)));
  const letGo = async () => {
    await tell(join(workspace.root, fifo));
    return run.ended;
  };
  return { run, agentPid: Number(agentPid), letGo };
}

/** Writes a line into a fifo as soon as somebody reads it. */
export async function tell(fifo: string, line = "go on"): Promise<void> {
  await until(
    () => {
      // Without a reader this fails, where a blocking open would wait for ever.
      const descriptor = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
      writeSync(descriptor, `${line}\n`);
      closeSync(descriptor);
      return true;
    },
    { what: `somebody reads ${fifo}` },
  );
}

/** Starts `holdfast run` with these words, and returns when it has said that it waits. */
export async function waitInLine(
  workspace: Workspace,
  words: readonly string[],
  call: CallOptions = {},
): Promise<RunningProgram> {
  const waiter = workspace.spawnHoldfast(["run", ...words], call);
  await until(() => /waits|"waiting"/.test(waiter.stderr()), { what: `run ${words.join(" ")} waits` });
  return waiter;
}
