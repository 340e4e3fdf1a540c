import { escapeControl } from "../../home/names.ts";

/** Text of several lines on one, safe to print. */
export function oneLine(text: string): string {
  const lines = text.split("\n").map((line) => line.trim());
  return escapeControl(lines.filter((line) => line !== "").join(" / "));
}
