import { systemClock, type Clock } from "../process/clock.ts";

/**
 * How long something has given no sign of life, to somebody who looks now and then: counted from the look that saw the
 * last one, by a clock that does not jump when it is set, nor, on Linux, runs while the machine sleeps.
 */
export class Silence {
  readonly #clock: Pick<Clock, "now">;
  #mark: number | null = null;
  #sinceMs: number;

  constructor(clock: Pick<Clock, "now"> = systemClock) {
    this.#clock = clock;
    this.#sinceMs = clock.now();
  }

  /**
   * @param mark changes with each sign of life; null when there is somebody, or nothing can be told
   * @returns milliseconds, 0 at the first look
   */
  lastsMs(mark: number | null): number {
    if (mark === null || mark !== this.#mark) {
      this.#mark = mark;
      this.#sinceMs = this.#clock.now();
    }
    return this.#clock.now() - this.#sinceMs;
  }
}
