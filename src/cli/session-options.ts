import { parseDuration, parseLimit } from "../home/duration.ts";
import { parseName } from "../home/names.ts";
import { parseSignal } from "../home/signals.ts";
import type { SessionRequest } from "../session/new-session.ts";
import type { Cli } from "./cli.ts";
import { parseSlots } from "./count.ts";

/** What `start` and `run` ask alike of a session, as it was typed. */
export interface SessionOptions {
  readonly close?: boolean;
  readonly owner?: string;
  readonly note?: string;
  readonly slots?: string;
  readonly killAfter?: string;
  readonly idleTimeout?: string;
}

/** What each of them calls differently. */
interface Named {
  readonly signal: string | undefined;
  readonly maxTime: readonly [option: string, text: string | undefined];
}

type Common = Pick<
  SessionRequest,
  "close" | "owner" | "note" | "stopSignal" | "slots" | "killAfterMs" | "maxTimeMs" | "idleMs"
>;

/** @throws Failure `USAGE` */
export function parseSessionOptions(cli: Cli, options: SessionOptions, { signal, maxTime }: Named): Common {
  const { close = false, note = null, slots, killAfter, idleTimeout } = options;
  const owner = options.owner ?? cli.env["HOLDFAST_OWNER"];
  const [maxTimeOption, maxTimeText] = maxTime;
  return {
    close,
    owner: owner ? parseName("owner", owner) : null,
    note,
    ...(signal === undefined ? {} : { stopSignal: parseSignal(signal) }),
    ...(slots === undefined ? {} : { slots: parseSlots(slots) }),
    ...(killAfter === undefined ? {} : { killAfterMs: parseDuration(killAfter, "--kill-after") }),
    ...(maxTimeText === undefined ? {} : { maxTimeMs: parseLimit(maxTimeText, maxTimeOption) }),
    ...(idleTimeout === undefined ? {} : { idleMs: parseLimit(idleTimeout, "--idle-timeout") }),
  };
}
