import { Failure } from "../../failure.ts";
import { locateHome, type Home } from "../../home/locate.ts";
import { escapeControl } from "../../home/names.ts";
import { openProcessTable } from "../../process/table.ts";
import { homesOfSessions } from "../../session/everywhere.ts";
import { list, type Listing, type ListRequest } from "../../session/list.ts";
import { ignoredConfig, Trouble } from "../../session/trouble.ts";
import type { Cli, Exit } from "../cli.ts";
import { parseCount } from "../count.ts";
import { exitCodes } from "../exit-codes.ts";
import { openLocks } from "../open-locks.ts";

export interface ListOptions {
  readonly everywhere?: boolean;
  readonly ended?: boolean;
  readonly count: string;
}

/** Prints what can be told. When a lock, or a slot, cannot be told of, it exits with the number of that failure. */
export async function listCommand(cli: Cli, options: ListOptions): Exit {
  const request: ListRequest = {
    ended: options.ended === true,
    count: parseCount(options.count, "--count", "list"),
    allLocks: cli.globals.lock === undefined,
  };
  if (options.everywhere === true) return listEverywhere(cli, request);
  const listing = await list(await openLocks(cli, "said"), request);
  (await cli.show()).listed(listing);
  return listing.hidden === null ? 0 : exitCodes[listing.hidden.code];
}

/** This directory first. What is wrong with one hides no other. */
async function listEverywhere(cli: Cli, request: ListRequest): Exit {
  const here = locateHome({ dir: cli.globals.dir, env: cli.env, cwd: cli.cwd });
  const { homes, trouble } = await homesOfSessions(await openProcessTable(), here);
  const failed = new Trouble();
  const listings: Listing[] = [];
  for (const home of homes) {
    const listing = await failed.spare(async () => {
      const contexts = await openLocks(calledIn(home, cli), "left");
      const [{ wrongConfig }] = contexts;
      if (wrongConfig !== undefined) for (const problem of ignoredIn(home, wrongConfig)) failed.tell(problem);
      return list(contexts, request);
    });
    if (listing !== null) listings.push(listing);
  }
  (await cli.show()).listedEverywhere(listings, [...failed.found, ...trouble]);
  const hidden = listings.find((listing) => listing.hidden !== null)?.hidden ?? failed.hidden;
  return hidden === null ? 0 : exitCodes[hidden.code];
}

/** As if this command had been called for another project. */
function calledIn({ root, state }: Home, cli: Cli): Cli {
  return { ...cli, globals: { ...cli.globals, dir: root }, env: { ...cli.env, HOLDFAST_STATE_DIR: state } };
}

/** A wrong configuration says the name of its file, which is the same in every directory. */
function ignoredIn({ root }: Home, wrongConfig: Failure): readonly Failure[] {
  const { code, facts } = wrongConfig;
  return ignoredConfig(wrongConfig).map((problem) => {
    return new Failure(code, `${problem}\n${escapeControl(root)}`, { facts, cause: wrongConfig });
  });
}
