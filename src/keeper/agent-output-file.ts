import { closeSync, constants, openSync } from "node:fs";
import { failureFromErrno } from "../failure.ts";
import type { Context } from "../session/context.ts";
import { sessionFiles } from "../session/session-files.ts";
import type { SessionInfo } from "../session/session-info.ts";

/**
 * Opens the file of a session's output, for as long as a task needs to hand it on.
 * @throws Failure when it cannot be opened
 */
export async function withOutputFile<Result>(
  { home }: Context,
  { uid }: SessionInfo,
  task: (descriptor: number) => Promise<Result>,
): Promise<Result> {
  const { output } = sessionFiles(home, uid);
  let descriptor: number;
  try {
    descriptor = openSync(output, constants.O_CREAT | constants.O_WRONLY | constants.O_APPEND, 0o600);
  } catch (error) {
    throw failureFromErrno(error, "open the agent's output", output);
  }
  try {
    return await task(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
