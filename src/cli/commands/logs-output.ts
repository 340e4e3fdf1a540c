import { parseName } from "../../home/names.ts";
import { agentOutput, requireOutput } from "../../session/agent-output.ts";
import type { Context } from "../../session/context.ts";
import { findSession } from "../../session/find-session.ts";
import type { Cli, Exit } from "../cli.ts";
import { parseCount } from "../count.ts";
import { usage } from "../globals.ts";
import { followParts, nextPart, tailPart, type OutputPart } from "../output-parts.ts";
import type { LogsOptions } from "./logs-options.ts";

const defaultMaxBytes = 1024 * 1024;

/** `logs --output`: what the agent of the session that lives wrote, or of the last one. */
export async function showOutput(cli: Cli, context: Context, options: LogsOptions, count: number): Exit {
  const id = options.session === undefined ? null : parseName("session id", options.session);
  const { cursor, maxBytes } = parsePlace(options);
  const { session, isOver } = await findSession(context, id);
  requireOutput(session);
  const presenter = await cli.show();
  const show = (part: OutputPart, eof: boolean) => presenter.output({ session, ...part, eof });
  const showTail = ({ isCut, ...part }: ReturnType<typeof tailPart>, eof: boolean) => {
    if (isCut) presenter.note("These are the last 4 MiB. All that is kept: --cursor 0 --follow");
    show(part, eof);
  };
  const output = agentOutput(context.home, session.uid);
  const how = { escapes: options.raw === true ? "all" : "none", isOver } as const;
  if (options.follow === true) {
    const tail = cursor === null ? tailPart(output, count, { ...how, isOver: false }) : null;
    if (tail !== null) showTail(tail, false);
    let nextCursor = tail?.nextCursor ?? cursor ?? 0;
    for await (const part of followParts(context, session, nextCursor, how)) {
      show(part, false);
      ({ nextCursor } = part);
    }
    show({ text: "", fromByte: nextCursor, nextCursor, skippedBytes: 0 }, true);
  } else if (cursor === null) {
    showTail(tailPart(output, count, how), isOver);
  } else {
    const part = nextPart(output, cursor, maxBytes, how);
    show(part, part.eof);
  }
  return 0;
}

/** From which byte on, and at most how much at once; no cursor: the last lines. */
function parsePlace({ cursor, maxBytes, follow }: LogsOptions): { cursor: number | null; maxBytes: number } {
  if (maxBytes !== undefined && follow === true) {
    throw usage("--max-bytes is for one read: it does not go with --follow", "holdfast logs --help");
  }
  const isPart = cursor !== undefined || maxBytes !== undefined;
  return {
    cursor: isPart ? parseCount(cursor ?? "0", "--cursor", "logs") : null,
    maxBytes: maxBytes === undefined ? defaultMaxBytes : parseCount(maxBytes, "--max-bytes", "logs"),
  };
}
