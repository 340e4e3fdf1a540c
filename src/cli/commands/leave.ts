import { leave } from "../../session/join.ts";
import { openCliContext, parseId, type Cli, type Exit } from "../cli.ts";
import { parsePid } from "../pid.ts";

export interface LeaveOptions {
  readonly pid?: string;
  readonly as?: string;
}

export async function leaveCommand(cli: Cli, options: LeaveOptions, id: string | undefined): Exit {
  const context = await openCliContext(cli, { access: "read", despiteConfig: "said" });
  const who = options.as === undefined ? { pid: parsePid(options.pid) ?? process.ppid } : { name: options.as };
  const sessionId = parseId(id);
  (await cli.show()).left(sessionId, await leave(context, { id: sessionId, ...who }));
  return 0;
}
