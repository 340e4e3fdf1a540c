import type { Context } from "../../session/context.ts";
import { list } from "../../session/list.ts";
import { lockNames } from "../../session/lock-names.ts";
import { openCliContext, type Cli, type Exit } from "../cli.ts";
import { parseCount } from "../count.ts";

export interface ListOptions {
  readonly ended?: boolean;
  readonly count: string;
}

export async function listCommand(cli: Cli, options: ListOptions): Exit {
  const count = parseCount(options.count, "--count", "list");
  const named = await openCliContext(cli, { access: "read" });
  const listing = await list([named, ...(await otherLocks(cli, named))], {
    ended: options.ended === true,
    count,
    allLocks: cli.globals.lock === undefined,
  });
  (await cli.show()).listed(listing);
  return 0;
}

/** Those of the whole state directory, unless a lock is named. */
async function otherLocks(cli: Cli, { home, lock: { name } }: Context): Promise<readonly Context[]> {
  if (cli.globals.lock !== undefined) return [];
  const others = lockNames(home).filter((other) => other !== name);
  return Promise.all(others.map((lock) => openCliContext(cli, { access: "read", lock })));
}
