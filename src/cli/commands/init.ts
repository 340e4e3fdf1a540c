import { createConfig } from "../../home/create-config.ts";
import { locateHome } from "../../home/locate.ts";
import type { Cli, Exit } from "../cli.ts";
import { parseCommand } from "../given-command.ts";

/** @param operands what followed `--`: what `start` runs by itself */
export async function initCommand(cli: Cli, operands: readonly string[] | null): Exit {
  const command = operands === null ? null : parseCommand(operands, "No command after --", "holdfast init --help");
  const home = locateHome({ dir: cli.globals.dir, env: cli.env, cwd: cli.cwd });
  const path = createConfig(home, command);
  (await cli.show()).initialised({ path, command });
  return 0;
}
