import type { Cli } from "./cli.ts";

/** After this long, in milliseconds, nobody is to wonder any more. */
const momentMs = 1_000;

/**
 * A task, of which is said on stderr what it waits for if it takes longer than a moment: nobody waits without being told
 * for whom.
 * @param what asked then, and again; null: there is nothing to say yet
 */
export async function sayIfSlow<Result>(
  cli: Cli,
  task: Promise<Result>,
  what: () => Promise<string | null>,
): Promise<Result> {
  const say = async (): Promise<void> => {
    const text = await what();
    if (text === null || isTold) return;
    isTold = true;
    clearInterval(timer);
    (await cli.show()).note(text);
  };
  let isTold = false;
  // What cannot be told, of a lock that cannot be read, is told by the task itself.
  const timer = setInterval(() => void say().catch(() => undefined), momentMs);
  try {
    return await task;
  } finally {
    isTold = true;
    clearInterval(timer);
  }
}
