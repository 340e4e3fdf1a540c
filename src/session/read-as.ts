import * as v from "valibot";
import { Failure, writtenByNewer, type NextStep } from "../failure.ts";
import { readOwnFile } from "../home/own-file.ts";

/** What this version writes, where a file says its version at all, and the newest it can read. */
const schemaVersion = 1;

const newerSchema = v.object({ schema_version: v.pipe(v.number(), v.gtValue(schemaVersion)) });

export interface Kind<Output> {
  /** For messages: "session's record". */
  readonly what: string;
  readonly schema: v.GenericSchema<unknown, Output>;
  /** What to type when such a file is damaged. */
  readonly next: (path: string) => NextStep;
}

/**
 * Reads a small JSON file of the state directory and checks it.
 * @returns null when there is none
 * @throws Failure `DATA`, naming the file, when it is damaged or of a newer holdfast; `NOT_PERMITTED` when another user
 *   may have put it there
 */
export function readAs<Output>({ what, schema, next }: Kind<Output>, path: string): Output | null {
  const text = readOwnFile(path);
  if (text === null) return null;
  const value = parsed(text);
  const newer = v.safeParse(newerSchema, value);
  if (newer.success) throw writtenByNewer(what, newer.output.schema_version, path);
  const checked = v.safeParse(schema, value);
  if (checked.success) return checked.output;
  const [issue] = checked.issues;
  const why = value === undefined ? "it is not JSON" : `${v.getDotPath(issue) ?? "all of it"}: ${issue.message}`;
  throw new Failure("DATA", `This ${what} cannot be read: ${why}\n${path}`, { facts: { path }, next: [next(path)] });
}

/** Undefined, which is in no JSON, for what is none. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
