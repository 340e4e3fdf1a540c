import { closeSync } from "node:fs";
import { openOwnFileToAppend } from "../home/own-file.ts";
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
  const descriptor = openOwnFileToAppend(sessionFiles(home, uid).output, "the agent's output");
  try {
    return await task(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
