import { stripVTControlCharacters } from "node:util";
import { lastLines } from "../../journal/tail-text.ts";
import { followOutput, readOutput } from "../../session/agent-output.ts";
import type { Context } from "../../session/context.ts";
import { findSession } from "../../session/find-session.ts";
import { sessionFiles } from "../../session/session-files.ts";
import type { Cli, Exit } from "../cli.ts";
import { parseCount, type LogsOptions } from "./logs-options.ts";

const newline = 0x0a;

/** `logs --output`: what the agent of the active session wrote, or of the last one. */
export async function showOutput(cli: Cli, context: Context, options: LogsOptions, count: number): Exit {
  const { session, active } = await findSession(context, options.session ?? null);
  const presenter = await cli.show();
  const { output } = sessionFiles(context.home, session.uid);
  const clean = (text: string) => (options.raw === true ? text : stripVTControlCharacters(text));
  if (options.cursor !== undefined || options.maxBytes !== undefined) {
    const cursor = parseCount(options.cursor ?? "0", "--cursor");
    const bytes = readOutput(output, cursor, parseCount(options.maxBytes ?? String(1024 * 1024), "--max-bytes"));
    const text = wholeLines(bytes, !active);
    const nextCursor = cursor + text.length;
    const eof = !active && readOutput(output, nextCursor, 1).length === 0;
    presenter.output({ session, text: clean(text.toString()), nextCursor, eof });
    return 0;
  }
  const tail = lastLines(output, count);
  presenter.output({ session, text: clean(tail.text), nextCursor: tail.endByte, eof: !active });
  if (options.follow !== true) return 0;
  let cursor = tail.endByte;
  for await (const bytes of followOutput(context, session, tail.endByte)) {
    cursor += bytes.length;
    presenter.output({ session, text: clean(bytes.toString()), nextCursor: cursor, eof: false });
  }
  return 0;
}

/** Cut after the last newline, so that neither a line nor a character is torn; a longer line is given in part. */
function wholeLines(bytes: Buffer, isComplete: boolean): Buffer {
  const end = bytes.lastIndexOf(newline);
  if (end !== -1) return isComplete && bytes.length > end + 1 ? bytes : bytes.subarray(0, end + 1);
  let length = bytes.length;
  // A UTF-8 character begins at the last byte that is no continuation byte.
  while (length > 0 && ((bytes[length - 1] ?? 0) & 0xc0) === 0x80) length -= 1;
  const lead = bytes[length - 1] ?? 0;
  const whole = lead < 0x80 || bytes.length - length + 1 === characterLength(lead);
  return whole ? bytes : bytes.subarray(0, Math.max(length - 1, 0));
}

function characterLength(lead: number): number {
  if (lead >= 0xf0) return 4;
  return lead >= 0xe0 ? 3 : 2;
}
