const everyMs = 1_000;

/** A keeper's looks at what is around it: one a second, and never two at the same time. */
export class Rounds {
  readonly #look: () => Promise<void>;
  readonly #listeners = new Set<() => void>();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | null = null;

  /** @param look never throws */
  constructor(look: () => Promise<void>) {
    this.#look = look;
  }

  /** The first look comes in a second. Does nothing the second time, nor after `end`. */
  begin(): void {
    this.#timer ??= setInterval(() => {
      this.wake();
      void this.#lookOnce();
    }, everyMs);
  }

  /** For good; a look that has begun is finished. */
  end(): void {
    clearInterval(this.#timer);
  }

  /** Calls back at each of them. @returns what ends that */
  everySecond(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Calls back now. */
  wake(): void {
    for (const listener of this.#listeners) listener();
  }

  /** Looks out of turn, and finds nothing older than this call. */
  async look(): Promise<void> {
    await this.#looking;
    await this.#lookOnce();
  }

  #lookOnce(): Promise<void> {
    this.#looking ??= this.#look().finally(() => (this.#looking = null));
    return this.#looking;
  }
}
