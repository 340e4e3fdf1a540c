import { parseDuration } from "../../home/duration.ts";
import { excerpt, parseName } from "../../home/names.ts";
import type { AnyEvent } from "../../journal/event.ts";
import { followEvents } from "../../journal/follow.ts";
import { eventKinds } from "../../journal/parse-event.ts";
import { endOfLog, lastEvents } from "../../journal/read.ts";
import { openCliContext, type Cli, type Exit } from "../cli.ts";
import { parseCount } from "../count.ts";
import { usage } from "../globals.ts";
import type { LogsOptions } from "./logs-options.ts";
import { showOutput } from "./logs-output.ts";

/**
 * Prints the last events of this lock, or with `--output` what its agent wrote. With `--follow` events come until this
 * process is ended, output until the session has.
 */
export async function logsCommand(cli: Cli, options: LogsOptions): Exit {
  refuseWithoutEffect(options);
  const context = await openCliContext(cli, { access: "read", despiteConfig: "said" });
  const count = parseCount(options.lines ?? usualLines, "--lines", "logs");
  if (options.output === true) return showOutput(cli, context, options, count);
  const filter = filterOf(options, context.lock.name);
  const { log } = context.home;
  // What is appended from now on is shown by the follower, and by nobody else.
  const endByte = endOfLog(log);
  const { since, until } = { since: parseTime(options.since, "--since"), until: parseTime(options.until, "--until") };
  const found = lastEvents(log, {
    count,
    filter,
    endByte,
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
  });
  const presenter = await cli.show();
  presenter.events(found, options.follow === true, count);
  if (options.follow !== true) return 0;
  for await (const event of followEvents(log, { fromByte: endByte }))
    if (filter(event)) presenter.events([event], true);
  return 0;
}

const help = "holdfast logs --help";
const usualLines = "20";

/** @throws Failure `USAGE` for options that would change nothing beside the others */
function refuseWithoutEffect(options: LogsOptions): void {
  const { output, follow, until } = options;
  const others = output === true ? (["since", "until", "event"] as const) : (["raw", "cursor", "maxBytes"] as const);
  const idle = others.find((name) => options[name] !== undefined);
  const named = `--${idle === "maxBytes" ? "max-bytes" : idle}`;
  if (idle !== undefined && output === true) throw usage(`${named} is about events: leave out --output`, help);
  if (idle !== undefined) throw usage(`${named}: give --output too`, help);
  const place = options.cursor === undefined ? "--max-bytes" : "--cursor";
  if (options.lines !== undefined && (options.cursor ?? options.maxBytes) !== undefined) {
    throw usage(`--lines is about the last ones: it does not go with ${place}`, help);
  }
  if (follow === true && until !== undefined) throw usage("--until does not go with --follow, which goes on", help);
}

/** Kinds of events, separated by commas. @throws Failure `USAGE` for one that there is not: none of it would be shown */
function parseKinds(text: string): ReadonlySet<string> {
  const kinds = text.split(",");
  const unknown = kinds.find((kind) => !eventKinds.includes(kind));
  if (unknown === undefined) return new Set(kinds);
  throw usage(`--event: expected one of ${eventKinds.join(", ")}, got ${excerpt(unknown)}`, help);
}

function filterOf(options: LogsOptions, lock: string): (event: AnyEvent) => boolean {
  const session = options.session === undefined ? undefined : parseName("session id", options.session);
  const kinds = options.event === undefined ? null : parseKinds(options.event);
  return (event) =>
    event.lock === lock &&
    (session === undefined || event.session === session) &&
    (kinds === null || kinds.has(event.event));
}

/** A point in time: ISO 8601, in the machine's time zone if it names none; or so long ago. */
function parseTime(text: string | undefined, what: string): Date | undefined {
  if (text === undefined) return undefined;
  if (/^[\d.]+ ?[a-z]*$/i.test(text)) return new Date(Date.now() - parseDuration(text, what));
  const [date = "", year, month, day = "01"] = /^(\d{4})-(\d\d)(?:-(\d\d))?/.exec(text) ?? [];
  // A date alone would be taken for one in UTC; with a time it is not.
  const whole = date === text ? `${year}-${month}-${day}T00:00` : text;
  const time = new Date(isDay(Number(year), Number(month), Number(day)) ? whole : "");
  if (!Number.isNaN(time.getTime())) return time;
  const expected = "a time such as 2025-06-29T10:34:03Z, or how long ago it is, such as 30m";
  throw usage(`${what}: expected ${expected}, got ${excerpt(text)}`, help);
}

/** Whether the calendar has it: `Date` takes 31 February for 3 March. */
function isDay(year: number, month: number, day: number): boolean {
  return new Date(Date.UTC(year, month - 1, day)).getUTCDate() === day;
}
