import { excerpt } from "../../home/names.ts";
import type { Cli, Exit } from "../cli.ts";
import { candidatesText } from "../completion/candidates.ts";
import { scripts, shells, type Shell } from "../completion/shells.ts";
import { usage } from "../globals.ts";
import type { Verb } from "../verb.ts";

/** @param words what has been typed, by which that script asks what may come next; null: the script is wanted */
export async function completionCommand(
  cli: Cli,
  verbs: readonly Verb[],
  name: string | undefined,
  words: readonly string[] | null,
): Exit {
  const shell = parseShell(name ?? "");
  const text = words === null ? scripts[shell] : await candidatesText(cli, words, verbs);
  (await cli.show()).completion(shell, text);
  return 0;
}

function parseShell(text: string): Shell {
  const shell = shells.find((each) => each === text);
  if (shell !== undefined) return shell;
  throw usage(`Not a shell that can be completed in: "${excerpt(text)}"\nUse ${shells.join(", ")}.`, null);
}
