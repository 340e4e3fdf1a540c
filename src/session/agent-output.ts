import { closeSync, fstatSync } from "node:fs";
import { Failure, failureFromErrno } from "../failure.ts";
import type { Home } from "../home/locate.ts";
import { openOwnFile } from "../home/own-file.ts";
import { followFile } from "../journal/follow.ts";
import { firstKept, readKept, type FilePiece, type KeptFrom } from "../journal/read-kept.ts";
import { lastLines, type TailText } from "../journal/tail-text.ts";
import type { Context } from "./context.ts";
import { readOutputCut } from "./output-cut.ts";
import { sessionFiles } from "./session-files.ts";
import type { SessionInfo } from "./session-info.ts";
import { Trouble } from "./trouble.ts";
import { untilOver } from "./until-over.ts";

/** The file an agent writes its output to, of which the oldest part may be given up. */
export interface AgentOutput {
  readonly path: string;
  readonly keptFrom: KeptFrom;
}

/** Reads nothing: the file may be missing, and what is kept of it is looked up each time that is asked. */
export function agentOutput(home: Home, uid: string): AgentOutput {
  const { output, outputCut } = sessionFiles(home, uid);
  return { path: output, keptFrom: () => readOutputCut(outputCut) };
}

/** Why nothing is kept of what a session writes; null where it is. */
export function whyNoOutput({ mode }: SessionInfo): string | null {
  return mode === "foreground" ? "it is a run, and writes to where it was called" : null;
}

/** @throws Failure `USAGE` where nothing is kept of what it writes */
export function requireOutput(session: SessionInfo): void {
  const why = whyNoOutput(session);
  if (why === null) return;
  const { id } = session;
  throw new Failure("USAGE", `Nothing is kept of what ${id} writes: ${why}`, {
    facts: { session: id },
    next: [{ does: "look", command: "holdfast status" }],
  });
}

/** The last lines of what an agent has written. @param maxBytes at most so much; see `lastLines` */
export function lastOutputLines({ path, keptFrom }: AgentOutput, count: number, maxBytes?: number): TailText {
  return lastLines(path, count, { keptFrom, ...(maxBytes === undefined ? {} : { maxBytes }) });
}

/** How much is read at a time where all that is left is wanted. */
const pieceBytes = 1024 * 1024;

/**
 * The agent's output from a byte on, as it comes, until the session has ended and everything it wrote was given.
 * Woken by the file and by the end of the session.
 * @throws Failure when it cannot be told whether the session has ended, once all that is there was given
 */
export async function* followOutput(
  context: Context,
  session: SessionInfo,
  fromByte: number,
  signal?: AbortSignal,
): AsyncGenerator<FilePiece> {
  const over = new AbortController();
  if (signal?.aborted === true) over.abort();
  else signal?.addEventListener("abort", () => over.abort(), { once: true });
  const output = agentOutput(context.home, session.uid);
  let position = fromByte;
  const ended = untilOver(context, session, { signal: over.signal, trouble: new Trouble() });
  // Aborted by the caller, the wait is left behind: it ends with the session, or with this process.
  const stop = (): void => over.abort();
  ended.then(stop, stop);
  for await (const piece of followFile(output.path, { fromByte, signal: over.signal, keptFrom: output.keptFrom })) {
    position = piece.endByte;
    yield piece;
  }
  if (signal?.aborted === true) return;
  yield* outputUpTo(output, position, Number.POSITIVE_INFINITY);
  await ended;
}

/** What there is of an output between two bytes, piece by piece. */
export function* outputUpTo(output: AgentOutput, fromByte: number, endByte: number): Generator<FilePiece> {
  for (let position = fromByte; position < endByte;) {
    const piece = readOutput(output, position, Math.min(pieceBytes, endByte - position));
    if (piece.bytes.length === 0) return;
    position = piece.endByte;
    yield piece;
  }
}

/**
 * Reads at most so many bytes of an output from a byte on. The piece begins elsewhere where that byte is not kept any
 * more, or lies beyond the end, because the output was truncated: at the first byte that is kept. Empty at its end.
 */
export function readOutput({ path, keptFrom }: AgentOutput, fromByte: number, maxBytes: number): FilePiece {
  const descriptor = openOwnFile(path, "read the agent's output");
  if (descriptor === null) return { bytes: Buffer.alloc(0), endByte: 0 };
  try {
    const kept = firstKept(descriptor, keptFrom);
    const { size } = fstatSync(descriptor);
    const start = fromByte > size ? kept : Math.max(fromByte, kept);
    return readKept(descriptor, start, Math.max(0, Math.min(maxBytes, size - start)), keptFrom);
  } catch (error) {
    throw failureFromErrno(error, "read the agent's output", path);
  } finally {
    closeSync(descriptor);
  }
}
