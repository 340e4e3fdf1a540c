import { excerpt } from "../../home/names.ts";
import { hasTooManyOrphans, stats } from "../../session/stats.ts";
import type { Cli, Exit } from "../cli.ts";
import { parseCount } from "../count.ts";
import { usage } from "../globals.ts";
import { openLocks } from "../open-locks.ts";

export interface StatsOptions {
  readonly days: string;
  readonly maxOrphans?: string;
}

const mostDays = 3660;

/** Exits with 1 when more sessions are orphaned than `--max-orphans` allows, else with 0. */
export async function statsCommand(cli: Cli, options: StatsOptions): Exit {
  const days = parseDays(options.days);
  const { maxOrphans } = options;
  const result = await stats(await openLocks(cli, "said"), {
    days,
    maxOrphans: maxOrphans === undefined ? null : parseCount(maxOrphans, "--max-orphans", "stats"),
    allLocks: cli.globals.lock === undefined,
  });
  (await cli.show()).stats(result);
  return hasTooManyOrphans(result) ? 1 : 0;
}

function parseDays(text: string): number {
  const days = parseCount(text, "--days", "stats");
  if (days >= 1 && days <= mostDays) return days;
  throw usage(`--days: expected a number from 1 to ${mostDays}, got ${excerpt(text)}`, "holdfast stats --help");
}
