import { parseDuration } from "../../home/duration.ts";
import { shellWord } from "../../home/shell-word.ts";
import { abortAfter } from "../../process/clock.ts";
import type { Context } from "../../session/context.ts";
import { codeOfEnd } from "../../session/shell-code.ts";
import { findActiveById } from "../../session/slots.ts";
import { holderFor, notInTime, wait, type Waited } from "../../session/wait.ts";
import { waitForOutput, type OutputWait } from "../../session/wait-for-output.ts";
import { openCliContext, parseId, type Cli, type Exit } from "../cli.ts";
import { parseCount } from "../count.ts";
import { givenPattern } from "../given-command.ts";
import { usage } from "../globals.ts";
import { durationText, secondsSince } from "../present/quantities.ts";
import { sayIfSlow } from "../say-if-slow.ts";

export interface WaitOptions {
  /** `ended`, `ready`, `free` or `output=REGEX`. */
  readonly until: string;
  readonly cursor?: string;
  readonly timeout?: string;
}

const help = "holdfast wait --help";

/**
 * Until `ended` it exits as the session did (`codeOfEnd`), else with 0. Soon it says on stderr what it waits for.
 * @throws Failure as `wait`; `WAIT_TIMEOUT` after `--timeout`; `USAGE`
 */
export async function waitCommand(cli: Cli, options: WaitOptions, id: string | undefined): Exit {
  const limitMs = options.timeout === undefined ? null : parseDuration(options.timeout, "--timeout");
  const patience = limitMs === null ? undefined : abortAfter(limitMs);
  const until = parseUntil(options.until);
  const cursor = parseCursor(options.cursor, until);
  const context = await openCliContext(cli, { access: "read", despiteConfig: "said" });
  const request = { id: parseId(id), ...(patience === undefined ? {} : { signal: patience }) };
  const waiting =
    until instanceof RegExp
      ? untilShown(context, { ...request, pattern: until, cursor }, options.until, limitMs ?? 0)
      : wait(context, { ...request, until });
  try {
    const waited = await sayIfSlow(cli, waiting, () => whatFor(context, request.id, until));
    (await cli.show()).waited(waited, options.until);
    return waited.end === null || options.until !== "ended" ? 0 : codeOfEnd(waited.end, waited.session);
  } catch (error) {
    if (patience?.aborted !== true || error !== patience.reason) throw error;
    throw notInTime(options.until, limitMs ?? 0, { holder: await holderFor(context, request.id) });
  }
}

/** What a wait is for, and who is in the way of that. */
async function whatFor(context: Context, id: string | null, until: Until): Promise<string | null> {
  const session = (await findActiveById(context, id)) ?? (await findActiveById(context, null));
  if (session === null) return null;
  const since = `has the lock for ${durationText(secondsSince(session.created_at, new Date()))}`;
  if (until === "free") return `waiting for the lock: ${session.id} ${since}`;
  if (id !== null && session.id !== id) return `waiting for the turn of ${id}: ${session.id} ${since}`;
  const what = until instanceof RegExp ? "to write that" : { ended: "to end", ready: "to be ready" }[until];
  return `waiting for ${session.id} ${what}; it ${since}`;
}

/** @param what was asked for, as it was typed */
async function untilShown(context: Context, request: OutputWait, what: string, limitMs: number): Promise<Waited> {
  const waited = await waitForOutput(context, request);
  if (waited.shown) return waited;
  const { session, nextCursor, skippedBytes } = waited;
  const again = `holdfast wait ${session.id} --until ${shellWord(what)} --cursor ${nextCursor}`;
  throw notInTime(what, limitMs, {
    holder: await holderFor(context, session.id),
    facts: { next_cursor: nextCursor, skipped_bytes: skippedBytes },
    next: [{ does: "wait on", command: again }],
  });
}

type Until = "ended" | "ready" | "free" | RegExp;

const outputPrefix = "output=";

function parseCursor(text: string | undefined, until: Until): number | null {
  if (text === undefined) return null;
  if (until instanceof RegExp) return parseCount(text, "--cursor", "wait");
  throw usage("--cursor: give --until output=REGEX too", help);
}

function parseUntil(text: string): Until {
  if (text === "ended" || text === "ready" || text === "free") return text;
  if (!text.startsWith(outputPrefix)) {
    throw usage(`--until: expected ended, ready, free or output=REGEX, got ${text}`, help);
  }
  return givenPattern(text.slice(outputPrefix.length), "--until output=REGEX");
}
