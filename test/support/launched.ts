import { expect } from "vitest";
import type { Json } from "./program.ts";
import { agent, type CallOptions, type Workspace } from "./workspace.ts";

/** The PID file that the launcher of these tests writes, relative to the project's root. */
export const pidFile = "run/agent.pid";

/** Configures a launcher that starts this agent in the background, and tells its PID file. */
export function configureLauncher(
  workspace: Workspace,
  command: readonly string[] = agent("sleeper.sh"),
  more: Readonly<Record<string, unknown>> = {},
): void {
  workspace.write("run/keep", "");
  const launcher = agent("launches.sh", pidFile, ...command);
  workspace.configure({
    agent: { kind: "launcher", command: launcher, pid_file: pidFile, ...more },
    stop: { kill_after: "10s" },
  });
}

/** Starts the configured session, which must come to run. @returns the document of `start` */
export async function startConfigured(
  workspace: Workspace,
  options: readonly string[] = [],
  call: CallOptions = {},
): Promise<Json> {
  const started = await workspace.holdfast(["start", "demo", "--json", ...options], call);
  expect(started).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('"ok":true') });
  return started.json();
}

/** Starts the configured session, which must not come to run. @returns the error of `start` */
export async function failToStart(workspace: Workspace, options: readonly string[] = []): Promise<Json> {
  const failed = await workspace.holdfast(["start", "demo", "--json", ...options]);
  expect(failed.exitCode).toBe(1);
  const { error } = failed.json();
  expect(error).toMatchObject({ code: "START_FAILED" });
  return error;
}
