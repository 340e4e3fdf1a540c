import { parseName } from "../../home/names.ts";
import { lastLines } from "../../journal/tail-text.ts";
import { endOfWholeCharacters } from "../../journal/utf8.ts";
import { followOutput, readOutput } from "../../session/agent-output.ts";
import type { Context } from "../../session/context.ts";
import { findSession } from "../../session/find-session.ts";
import { sessionFiles } from "../../session/session-files.ts";
import type { Cli, Exit } from "../cli.ts";
import { OutputText } from "../output-text.ts";
import type { OutputChunk } from "../present/presenter.ts";
import type { LogsOptions } from "./logs-options.ts";
import { parseCount } from "../count.ts";

const newline = 0x0a;
const defaultMaxBytes = 1024 * 1024;
const longestCharacterBytes = 4;

/** `logs --output`: what the agent of the active session wrote, or of the last one. */
export async function showOutput(cli: Cli, context: Context, options: LogsOptions, count: number): Exit {
  const id = options.session === undefined ? null : parseName("session id", options.session);
  const { session, active } = await findSession(context, id);
  const presenter = await cli.show();
  const show = (chunk: Omit<OutputChunk, "session">) => presenter.output({ session, ...chunk });
  const { output } = sessionFiles(context.home, session.uid);
  const text = new OutputText(options.raw === true);
  if (options.cursor !== undefined || options.maxBytes !== undefined) {
    const cursor = parseCount(options.cursor ?? "0", "--cursor", "logs");
    const maxBytes = parseCount(options.maxBytes ?? String(defaultMaxBytes), "--max-bytes", "logs");
    const { bytes, eof } = readPiece(output, cursor, { maxBytes, active });
    show({ text: text.next(bytes) + text.rest(), nextCursor: cursor + bytes.length, eof });
    return 0;
  }
  const tail = lastLines(output, count);
  const shown = text.next(Buffer.from(tail.text));
  let cursor = tail.endByte;
  if (options.follow !== true) {
    show({ text: shown + text.rest(), nextCursor: cursor, eof: !active });
    return 0;
  }
  show({ text: shown, nextCursor: cursor - text.heldBytes, eof: false });
  for await (const { bytes, endByte } of followOutput(context, session, cursor)) {
    cursor = endByte;
    const next = text.next(bytes);
    if (next !== "") show({ text: next, nextCursor: cursor - text.heldBytes, eof: false });
  }
  show({ text: text.rest(), nextCursor: cursor, eof: true });
  return 0;
}

/** What a program reads at once, and whether nothing will follow. */
function readPiece(
  path: string,
  cursor: number,
  { maxBytes, active }: { readonly maxBytes: number; readonly active: boolean },
): { readonly bytes: Buffer; readonly eof: boolean } {
  const bytes = readOutput(path, cursor, Math.max(maxBytes, longestCharacterBytes));
  const isAtEnd = readOutput(path, cursor + bytes.length, 1).length === 0;
  if (isAtEnd && !active) return { bytes, eof: true };
  return { bytes: bytes.subarray(0, endOfWhole(bytes)), eof: false };
}

/** After the last newline, so that no line is torn; of a line that has no end yet, or is too long, as much as there is. */
function endOfWhole(bytes: Buffer): number {
  const end = bytes.lastIndexOf(newline) + 1;
  return end > 0 ? end : endOfWholeCharacters(bytes);
}
