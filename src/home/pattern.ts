/** What is wrong with a regular expression that somebody has written; null: nothing. */
export function whyNoPattern(source: string): string | null {
  try {
    // One that is too large shows when it is first used.
    RegExp(source).test("");
    return null;
  } catch (error) {
    // "Invalid regular expression: /(/: Unterminated group"
    return error instanceof Error ? (error.message.split(": ").at(-1) ?? null) : "invalid";
  }
}
