import { status, type Status } from "../../session/status.ts";
import { openCliContext, type Cli, type Exit } from "../cli.ts";

export interface StatusOptions {
  readonly check?: boolean;
}

/** With `--check` the exit code answers, as LSB's `status` does. */
const checkCodes = { active: 0, wrong: 1, none: 3 } as const;

export async function statusCommand(cli: Cli, options: StatusOptions): Exit {
  const result = await status(await openCliContext(cli, { access: "read" }));
  (await cli.show()).status(result);
  return options.check === true ? checkCodes[judge(result)] : 0;
}

function judge({ sessions }: Status): keyof typeof checkCodes {
  if (sessions.some(({ state }) => state === "orphaned")) return "wrong";
  return sessions.length > 0 ? "active" : "none";
}
