import { escapeControl } from "../../home/names.ts";

/** Text of several lines on one, safe to print. */
export function oneLine(text: string): string {
  return escapeControl(text.trim().replaceAll(/\s*\n\s*/g, " / "));
}
