import { excerpt } from "../home/names.ts";
import { whyNoPattern } from "../home/pattern.ts";
import { usage } from "./globals.ts";

/**
 * A command as it was typed.
 * @param help of the command it was given to
 * @throws Failure `USAGE` when there is none, or no program in first place
 */
export function parseCommand(words: readonly string[], missing: string, help: string): readonly string[] {
  if (words.length === 0) throw usage(missing, help);
  if (words[0] === "") throw usage("Expected a program to run in first place, got an empty word", help);
  return words;
}

/** An option that says nothing when it is empty: most often a variable that is not set. @throws Failure `USAGE` */
export function givenText(text: string, option: string, what: string): string {
  if (text !== "" && !text.includes("\0")) return text;
  throw usage(`${option}: expected ${what}, got ${text === "" ? "nothing" : "a NUL"}`, null);
}

/** A regular expression, given to an option. @throws Failure `USAGE` */
export function givenPattern(text: string, option: string): RegExp {
  const source = givenText(text, option, "a regular expression");
  const why = whyNoPattern(source);
  if (why !== null) throw usage(`${option}: expected a regular expression (${why}), got ${excerpt(source)}`, null);
  return new RegExp(source, "m");
}
