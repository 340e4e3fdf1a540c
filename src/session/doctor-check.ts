import { failureFromErrno, type Failure, type NextStep } from "../failure.ts";

/** What was found where nothing has failed. */
export interface Finding {
  readonly text: string;
  /** For programs. */
  readonly facts?: Readonly<Record<string, string | number | boolean | null>>;
  /** That something is not as it should be; most useful first what to type, if that is known. */
  readonly warning?: readonly NextStep[];
}

/** One thing that was tried. */
export interface Check extends Finding {
  readonly name: string;
  readonly state: "ok" | "warning" | "failed";
  /** Why it has failed; null when it has not. */
  readonly failure: Failure | null;
}

/**
 * Tries one thing. What fails there is found out, and keeps nothing else from being tried.
 * @param path it is about, for messages
 */
export async function check(name: string, path: string, look: () => Finding | Promise<Finding>): Promise<Check> {
  try {
    const finding = await look();
    return { name, state: finding.warning === undefined ? "ok" : "warning", failure: null, ...finding };
  } catch (error) {
    const failure = failureFromErrno(error, `check the ${name}`, path);
    return { name, state: "failed", text: failure.message, failure };
  }
}
