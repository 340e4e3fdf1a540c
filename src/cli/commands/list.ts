import { list } from "../../session/list.ts";
import type { Cli, Exit } from "../cli.ts";
import { parseCount } from "../count.ts";
import { exitCodes } from "../exit-codes.ts";
import { openLocks } from "../open-locks.ts";

export interface ListOptions {
  readonly ended?: boolean;
  readonly count: string;
}

export async function listCommand(cli: Cli, options: ListOptions): Exit {
  const count = parseCount(options.count, "--count", "list");
  const listing = await list(await openLocks(cli), {
    ended: options.ended === true,
    count,
    allLocks: cli.globals.lock === undefined,
  });
  (await cli.show()).listed(listing);
  return listing.hidden === null ? 0 : exitCodes[listing.hidden.code];
}
