import { locateHome } from "../../home/locate.ts";
import { parseName } from "../../home/names.ts";
import { doctor } from "../../session/doctor.ts";
import type { Cli, Exit } from "../cli.ts";
import { exitCodes } from "../exit-codes.ts";
import { version } from "../../../package.json";

/** Prints every check, and exits with the number of the first that has failed; with 0 when there are only warnings. */
export async function doctorCommand(cli: Cli): Exit {
  const home = locateHome({ dir: cli.globals.dir, env: cli.env, cwd: cli.cwd });
  const lock = cli.globals.lock === undefined ? null : parseName("lock name", cli.globals.lock);
  const checks = await doctor({ home, lock, env: cli.env, version });
  (await cli.show()).examined(checks);
  const failure = checks.find((check) => check.failure !== null)?.failure ?? null;
  return failure === null ? 0 : exitCodes[failure.code];
}
