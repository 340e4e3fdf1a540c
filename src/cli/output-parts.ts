import type { FilePiece } from "../journal/read-kept.ts";
import type { TailText } from "../journal/tail-text.ts";
import { followOutput, lastOutputLines, readOutput, type AgentOutput } from "../session/agent-output.ts";
import type { Context } from "../session/context.ts";
import type { SessionInfo } from "../session/session-info.ts";
import { lengthOfFirstEscape, longestEscapeBytes } from "./escapes.ts";
import { endOfWholeText, OutputText, textOf, type Escapes } from "./output-text.ts";

const newline = 0x0a;
const longestCharacterBytes = 4;

/** A part of an agent's output as text, and where in the output it lies. Offsets are bytes. */
export interface OutputPart {
  readonly text: string;
  readonly fromByte: number;
  /** Where to read on: no byte is given twice, or left out. */
  readonly nextCursor: number;
  /** How much before it was asked for, and is not kept any more. */
  readonly skippedBytes: number;
}

export interface PartOptions {
  /** Keep escape sequences. */
  readonly escapes: Escapes;
  /** Whether the session had ended before this is called: what is there then is all. */
  readonly isOver: boolean;
}

export interface TailOptions extends PartOptions {
  /** At most so much; a longer tail begins within a line. */
  readonly maxBytes?: number;
}

/** The last lines. Of a session that goes on, what is not whole at the end is left for the next read. */
export function tailPart(
  output: AgentOutput,
  count: number,
  { escapes, isOver, maxBytes }: TailOptions,
): OutputPart & Pick<TailText, "isCut"> {
  const tail = lastOutputLines(output, count, maxBytes);
  const rest = isOver ? readOutput(output, tail.endByte, longestCharacterBytes).bytes : Buffer.alloc(0);
  const bytes = Buffer.concat([tail.bytes, rest]);
  const held = isOver ? 0 : bytes.length - endOfWholeText(bytes);
  return {
    text: textOf(bytes.subarray(0, bytes.length - held), escapes),
    fromByte: tail.startByte,
    nextCursor: tail.endByte + rest.length - held,
    skippedBytes: tail.skippedBytes,
    isCut: tail.isCut,
  };
}

/**
 * What follows a byte: whole lines; of a line that has no end yet, or is too long, as much as is whole.
 * @param maxBytes at most so many bytes of the output; but a character, or an escape sequence, is never torn
 * @returns also `eof`: the session has ended, and this was everything
 */
export function nextPart(
  output: AgentOutput,
  cursor: number,
  maxBytes: number,
  { escapes, isOver }: PartOptions,
): OutputPart & { readonly eof: boolean } {
  let piece = readOutput(output, cursor, Math.max(maxBytes, longestCharacterBytes));
  let isLast = isOver && isEnd(output, piece);
  let end = isLast ? piece.bytes.length : endOfPart(piece.bytes);
  if (end === 0 && !isEnd(output, piece)) {
    // It begins with an escape sequence that is longer than what was asked for: that one is given whole.
    piece = readOutput(output, cursor, longestEscapeBytes);
    isLast = isOver && isEnd(output, piece);
    const whole = isLast ? piece.bytes.length : endOfWholeText(piece.bytes);
    end = Math.min(whole, lengthOfFirstEscape(piece.bytes));
  }
  const fromByte = startOf(piece);
  return {
    text: textOf(piece.bytes.subarray(0, end), escapes),
    fromByte,
    nextCursor: fromByte + end,
    skippedBytes: Math.max(0, fromByte - cursor),
    eof: isLast && end === piece.bytes.length,
  };
}

/** After the last newline, so that no line is torn; without one, after what is whole. */
function endOfPart(bytes: Buffer): number {
  const whole = endOfWholeText(bytes);
  const end = bytes.subarray(0, whole).lastIndexOf(newline) + 1;
  return end > 0 ? end : whole;
}

function isEnd(output: AgentOutput, { endByte }: FilePiece): boolean {
  return readOutput(output, endByte, 1).bytes.length === 0;
}

function startOf({ bytes, endByte }: FilePiece): number {
  return endByte - bytes.length;
}

/** The output from a byte on, as it comes, until the session has ended and everything was given. */
export async function* followParts(
  context: Context,
  session: SessionInfo,
  cursor: number,
  { escapes, signal }: { readonly escapes: Escapes; readonly signal?: AbortSignal },
): AsyncGenerator<OutputPart> {
  const text = new OutputText(escapes);
  let fromByte = cursor;
  let expected = cursor;
  const part = (shown: string, endByte: number, skippedBytes = 0): OutputPart => {
    const given = { text: shown, fromByte, nextCursor: endByte - text.heldBytes, skippedBytes };
    fromByte = given.nextCursor;
    return given;
  };
  for await (const piece of followOutput(context, session, cursor, signal)) {
    const start = startOf(piece);
    const skippedBytes = Math.max(0, start - expected);
    if (start !== expected) {
      // What was held back belongs to nothing that comes any more.
      if (text.heldBytes > 0) yield part(text.rest(), expected);
      fromByte = start;
    }
    expected = piece.endByte;
    const shown = text.next(piece.bytes);
    if (shown !== "" || skippedBytes > 0) yield part(shown, piece.endByte, skippedBytes);
  }
  if (text.heldBytes > 0) yield part(text.rest(), expected);
}
