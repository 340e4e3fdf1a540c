import type { Context } from "../session/context.ts";
import { lockNames } from "../session/lock-names.ts";
import { openCliContext, type Access, type Cli } from "./cli.ts";

/** A context, to read, for every lock of the state directory; only for the one that is named, if one is. */
export async function openLocks(
  cli: Cli,
  despiteConfig: Access["despiteConfig"] = "said",
): Promise<readonly [Context, ...Context[]]> {
  const named = await openCliContext(cli, { access: "read", despiteConfig });
  if (cli.globals.lock !== undefined) return [named];
  const others = lockNames(named.home).filter((name) => name !== named.lock.name);
  const open = (lock: string) => openCliContext(cli, { access: "read", lock, despiteConfig: "left" });
  return [named, ...(await Promise.all(others.map(open)))];
}
