import { parseName } from "../../home/names.ts";
import { leave, type LeaveRequest } from "../../session/join.ts";
import { openCliContext, parseId, type Cli, type Exit } from "../cli.ts";
import { usage } from "../globals.ts";
import { parsePid } from "../pid.ts";

export interface LeaveOptions {
  readonly pid?: string;
  readonly as?: string;
}

/**
 * Who is not named is the process that called this one. Exits with 0 also when nobody was registered.
 * @throws Failure `NO_SESSION`, `SESSION_MISMATCH`; `USAGE`
 */
export async function leaveCommand(cli: Cli, options: LeaveOptions, id: string | undefined): Exit {
  const who = parseWho(options);
  const context = await openCliContext(cli, { access: "read", despiteConfig: "said" });
  const sessionId = parseId(id);
  (await cli.show()).left(sessionId, await leave(context, { id: sessionId, ...who }));
  return 0;
}

function parseWho({ pid, as }: LeaveOptions): Pick<LeaveRequest, "pid" | "name"> {
  if (as === undefined) return { pid: parsePid(pid) ?? process.ppid };
  if (pid !== undefined) throw usage("--pid and --as both say who leaves: give one of them", null);
  return { name: parseName("client name", as) };
}
