import type { ClaimLockPaths } from "./claim-lock-paths.ts";
import type { Pulses } from "./pulses.ts";
import type { WaiterGone } from "./ticket.ts";

export interface ClaimLockOptions {
  readonly name: string;
  readonly paths: ClaimLockPaths;
  readonly pulses: Pulses;
  /** Makes the directories again when somebody removed them under a holder. */
  readonly ensureDirectories: () => void;
  readonly waiterGone: WaiterGone;
}
