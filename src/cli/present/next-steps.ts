import type { NextStep } from "../../failure.ts";
import { escapeControl } from "../../home/names.ts";
import { padToWidth } from "./display-width.ts";
import { onThisLock } from "./on-this-lock.ts";
import { indent, type Style } from "./style.ts";

/** What to type next, in two columns. */
export function nextSteps(steps: readonly NextStep[], style: Style): readonly string[] {
  const width = Math.max(0, ...steps.map(({ does }) => does.length)) + 4;
  return steps.map(({ does, command }) => {
    const typed = escapeControl(onThisLock(command, style.invocation));
    return indent(style.paint.dim(padToWidth(escapeControl(does), width)) + typed);
  });
}
