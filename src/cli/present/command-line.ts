import { escapeControl } from "../../home/names.ts";
import { cutToWidth } from "./display-width.ts";
import type { Style } from "./style.ts";

const longest = 120;

/** A command as one would type it, safe to print, and cut unless everything was asked for. */
export function commandText(command: readonly string[] | string, style: Style): string {
  const line = escapeControl(typeof command === "string" ? command : command.map(quote).join(" "));
  return style.verbose ? line : cutToWidth(line, longest);
}

/** Quoted as a POSIX shell reads it, where it has to be. */
function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
