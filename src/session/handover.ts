import type { Config } from "../home/config.ts";
import type { Actor } from "../journal/event.ts";
import type { PulseMark } from "../lock/pulse.ts";
import type { FailureCode, FailureFacts } from "../failure.ts";
import type { ProcessIdentity } from "../process/identity.ts";
import type { Hold, SessionInfo } from "./session-info.ts";

/**
 * What `start` tells the keeper it has spawned, as one JSON document on the keeper's standard input. Sent only after
 * the claim names the keeper as its owner; a keeper that reads nothing ends without having done anything.
 */
export interface Handover {
  readonly root: string;
  readonly state: string;
  readonly lock: string;
  readonly token: number;
  readonly mark: PulseMark;
  readonly hold: Hold;
  readonly session: SessionInfo;
  readonly config: Config;
  readonly by: Actor;
}

/** What the keeper reports once, as one JSON document on `reportDescriptor`: before it, nobody is told "started". */
export type Report =
  | { readonly started: true; readonly agent: ProcessIdentity | null; readonly session: SessionInfo }
  | { readonly started: false; readonly code: FailureCode; readonly message: string; readonly facts: FailureFacts };

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
