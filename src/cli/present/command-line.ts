import { escapeControl } from "../../home/names.ts";
import { shellWord } from "../../home/shell-word.ts";
import { cutToWidth } from "./display-width.ts";
import type { Style } from "./style.ts";

const longest = 120;

/** A command as one would type it, safe to print, and cut unless everything was asked for. */
export function commandText(command: readonly string[] | string, style: Style): string {
  const line = escapeControl(typeof command === "string" ? command : command.map(shellWord).join(" "));
  return style.verbose ? line : cutToWidth(line, longest);
}
