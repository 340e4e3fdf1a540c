import { Failure } from "../failure.ts";

/** Collects what could not be read, or written down, where everything else can still be told. */
export class Trouble {
  readonly #found: Failure[] = [];
  #hidden: Failure | null = null;

  /** What hid everything about a lock, or about one of its slots; null when nothing did. */
  get hidden(): Failure | null {
    return this.#hidden;
  }

  /** Each thing once, in the order in which it was met. */
  get found(): readonly Failure[] {
    return this.#found;
  }

  readonly tell = (failure: Failure): void => {
    if (!this.#found.some(({ message }) => message === failure.message)) this.#found.push(failure);
  };

  /** Runs what tells of a lock, or of one of its slots. @returns null when it fails, which is told */
  async spare<Result>(task: () => Promise<Result>): Promise<Result | null> {
    try {
      return await task();
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      this.#hidden ??= error;
      this.tell(error);
      return null;
    }
  }
}

/** A failure as one of several problems: what is wrong, and with which file. */
export function inOneLine({ message }: Failure): string {
  const [what = "", ...where] = message.split("\n");
  return [what, ...where].join(": ");
}

/** What is wrong with a configuration that is ignored where somebody only looks: each problem by itself. */
export function ignoredConfig(wrongConfig: Failure): readonly string[] {
  // Each line of the message is one.
  const areSeveral = Array.isArray(wrongConfig.facts["problems"]);
  const problems = areSeveral ? wrongConfig.message.split("\n") : [inOneLine(wrongConfig)];
  return problems.map((problem) => `${problem} (that file is ignored here)`);
}
