import type { Config } from "../home/config.ts";
import type { Actor } from "../journal/event.ts";
import type { PulseMark } from "../lock/pulse.ts";
import type { FailureCode, FailureFacts, NextStep } from "../failure.ts";
import type { WaitNotice } from "./place-in-line.ts";
import type { Hold, SessionInfo } from "./session-info.ts";

interface HandoverBase {
  readonly root: string;
  readonly state: string;
  readonly lock: string;
  readonly session: SessionInfo;
  readonly config: Config;
  readonly by: Actor;
  /** The agent's `NODE_EXTRA_CA_CERTS`, which the keeper was started without; see `KeeperProcess`. Null: it has none. */
  readonly certificates: string | null;
}

/** The lock is in hand; its claim names the keeper as owner by the time this is sent. */
export interface HeldHandover extends HandoverBase {
  readonly kind: "held";
  readonly token: number;
  readonly mark: PulseMark;
  readonly hold: Hold;
}

/** The keeper is to get in line itself. */
export interface QueuedHandover extends HandoverBase {
  readonly kind: "queued";
  /** How long to wait; null: for as long as it takes. */
  readonly wait_ms: number | null;
  /** Whether to start although agents run already. */
  readonly force: boolean;
}

/**
 * What `start` tells the keeper it has spawned, as one JSON document on the keeper's standard input. A keeper that reads
 * nothing ends without having done anything.
 */
export type Handover = HeldHandover | QueuedHandover;

/** What the keeper reports once, as one JSON document on `reportDescriptor`: before it, nobody is told anything. */
export type Report =
  | { readonly outcome: "started"; readonly session: SessionInfo; readonly token: number }
  | ({ readonly outcome: "queued" } & WaitNotice)
  | {
      readonly outcome: "failed";
      readonly code: FailureCode;
      readonly message: string;
      readonly facts: FailureFacts;
      /** What to type next. */
      readonly next?: readonly NextStep[];
    };

export const reportDescriptor = 3;

/** Keeps the types of both ends one: serialised by this, parsed by `parseMessage`. */
export function formatMessage(message: Handover | Report): string {
  return JSON.stringify(message);
}

/** Null when the other end died before it had said everything. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- it is given, not inferred
export function parseMessage<Message extends Handover | Report>(text: string): Message | null {
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- both ends are this program, on a pipe of their own
    return JSON.parse(text) as Message;
  } catch {
    return null;
  }
}
