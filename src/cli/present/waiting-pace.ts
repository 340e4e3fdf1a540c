import type { WaitingNotice } from "./presenter.ts";

const repeatAfterSeconds = 60;

function stateOf(holder: WaitingNotice["holder"]): string {
  if (holder?.orphaned === true) return "orphaned";
  return holder?.ending === true ? "ending" : "";
}

/** Where lines stay, a wait is told when it changed, and once a minute at most when it did not. */
export class WaitingPace {
  #told: { readonly about: string; readonly atSeconds: number } | null = null;

  /** Whether it is to be told now; it counts as told then. */
  isDue({ position, holder, alsoHeldBy, waitedSeconds }: WaitingNotice): boolean {
    const about = `${position} ${holder?.uid ?? ""} ${stateOf(holder)} ${alsoHeldBy.join(" ")}`;
    const isUnchanged = this.#told?.about === about;
    if (isUnchanged && waitedSeconds - (this.#told?.atSeconds ?? 0) < repeatAfterSeconds) return false;
    this.#told = { about, atSeconds: waitedSeconds };
    return true;
  }

  /** The wait is over; the next one is told from its beginning. */
  reset(): void {
    this.#told = null;
  }
}
