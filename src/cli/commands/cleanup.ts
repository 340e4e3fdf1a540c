import { parseDuration } from "../../home/duration.ts";
import { cleanup } from "../../session/cleanup.ts";
import type { Cli, Exit } from "../cli.ts";
import { openLocks } from "../open-locks.ts";

export interface CleanupOptions {
  readonly dryRun?: boolean;
  readonly orphans?: boolean;
  readonly damaged?: boolean;
  /** True: without a duration. */
  readonly idle?: string | true;
  readonly ended?: string | true;
  readonly match?: string;
  readonly force?: boolean;
}

const idleDefault = "24h";
const endedDefault = "1h";

/**
 * Cleans up every lock of the state directory, or the one that is named. Exits with 1 when something could not be done,
 * though the rest was.
 * @throws Failure `USAGE`; `CONFIG`: by a wrong configuration nothing is ended
 */
export async function cleanupCommand(cli: Cli, options: CleanupOptions): Exit {
  const scope = {
    dryRun: options.dryRun === true,
    ...(options.orphans === true ? { orphans: true } : {}),
    ...(options.damaged === true ? { damaged: true } : {}),
    ...(options.force === true ? { force: true } : {}),
    ...(options.idle === undefined ? {} : { idleMs: duration(options.idle, idleDefault, "--idle") }),
    ...(options.ended === undefined ? {} : { endedMs: duration(options.ended, endedDefault, "--ended") }),
    ...(options.match === undefined ? {} : { match: options.match }),
  };
  // "Here" is the whole state directory, unless a lock is named.
  const actions = await cleanup(await openLocks(cli), scope);
  (await cli.show()).cleaned(actions, scope.dryRun);
  return actions.some(({ result }) => result === "failed") ? 1 : 0;
}

function duration(given: string | true, otherwise: string, what: string): number {
  return parseDuration(given === true ? otherwise : given, what);
}
