import { constants } from "node:os";
import { Failure } from "../../failure.ts";
import { locateHome, type Home } from "../../home/locate.ts";
import { systemClock } from "../../process/clock.ts";
import { endedSessions } from "../../session/ended-sessions.ts";
import { lockNames } from "../../session/lock-names.ts";
import { sessionIds } from "../../session/session-ids.ts";
import type { Cli } from "../cli.ts";
import type { Verb } from "../verb.ts";
import { placeOf, type Place } from "./place.ts";
import { shells } from "./shells.ts";

/** What may be typed, and what that means, if that has to be said. */
type Candidate = readonly [word: string, meaning?: string];

/** Nobody waits longer for a key: a lock on a file server may take that long to be judged. */
const patienceMs = 1000;
const mostEnded = 20;

/** For a shell, which knows better. No word of ours begins so. */
const files = ":files\n";

/**
 * What may be typed next, a line each, its meaning behind a tab. Makes nothing, and never fails: whoever presses a key
 * does not want to be told why there is nothing.
 * @param words after `holdfast`; the last one is being typed, and may be empty
 */
export async function candidatesText(cli: Cli, words: readonly string[], verbs: readonly Verb[]): Promise<string> {
  const place = placeOf(words, verbs);
  if (place.wanted === "file") return files;
  const candidates = await Promise.race([
    candidatesAt(place, cli, verbs).catch(noneIfFailed),
    systemClock.sleep(patienceMs).then((): readonly Candidate[] => []),
  ]);
  return candidates
    .filter(([word]) => word.startsWith(place.typed))
    .map(([word, meaning]) => `${place.prefix}${word}${meaning === undefined ? "" : `\t${meaning}`}\n`)
    .join("");
}

async function candidatesAt(place: Place, cli: Cli, verbs: readonly Verb[]): Promise<readonly Candidate[]> {
  const { wanted, options, dir = cli.globals.dir, lock = cli.globals.lock } = place;
  const homeOf = (): Home => locateHome({ dir, env: cli.env, cwd: cli.cwd });
  switch (wanted) {
    case "command":
      return verbs.map(({ name, summary }) => [name, summary]);
    case "option":
      return options.map(({ long, short, description }) => [long ?? short ?? "", description]);
    case "signal":
      return Object.keys(constants.signals).map((name) => [name.replace(/^SIG/, "")]);
    case "shell":
      return shells.map((name) => [name]);
    case "lock":
      return lockNames(homeOf()).map((name) => [name]);
    case "session":
      return (await sessionIds(homeOf(), lock ?? null)).map((id) => [id]);
    case "any-session": {
      const ended = endedSessions(homeOf(), { count: mostEnded, lock: lock ?? null, onUnreadable: () => undefined });
      const ids = [...(await sessionIds(homeOf(), lock ?? null)), ...ended.map(({ session }) => session.id)];
      return [...new Set(ids)].map((id) => [id]);
    }
    case "file":
    case "nothing":
      return [];
  }
}

function noneIfFailed(error: unknown): readonly Candidate[] {
  if (error instanceof Failure) return [];
  throw error;
}
