import type { NextStep } from "../../failure.ts";
import { escapeControl, unsafeCharacters } from "../../home/names.ts";
import { padToWidth } from "./display-width.ts";
import { onThisLock } from "./on-this-lock.ts";
import { indent, type Style } from "./style.ts";

/** What to type next, in two columns. */
export function nextSteps(steps: readonly NextStep[], style: Style): readonly string[] {
  const width = Math.max(0, ...steps.map(({ does }) => does.length)) + 4;
  return steps.map(({ does, command }) => {
    const typed = typable(onThisLock(command, style.invocation));
    return indent(style.paint.dim(padToWidth(escapeControl(does), width)) + typed);
  });
}

/**
 * A command that is safe to print on one line and may be typed as it stands: what is no printable character stands in
 * quotes, where `shellWord` has put it, and is written there as `$'a\x0ab'` as bash and zsh read it.
 */
function typable(command: string): string {
  const quotedOrNot = /\\'|'[^']*'/g;
  return escapeControl(
    command.replaceAll(quotedOrNot, (quoted) => {
      if (escapeControl(quoted) === quoted) return quoted;
      return `$${quoted.replaceAll("\\", "\\\\").replaceAll(unsafeCharacters, asInAnsiC)}`;
    }),
  );
}

function asInAnsiC(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return code < 0x80 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\U${code.toString(16).padStart(8, "0")}`;
}
