import type { Context } from "../session/context.ts";
import { lockNames } from "../session/lock-names.ts";
import { findProject, openCliContext, type Access, type Cli } from "./cli.ts";

/** A context, to read, for every lock of the state directory; only for the one that is named, if one is. */
export async function openLocks(
  cli: Cli,
  despiteConfig?: Access["despiteConfig"],
): Promise<readonly [Context, ...Context[]]> {
  const project = await findProject(cli, despiteConfig);
  const open = (lock?: string) =>
    openCliContext(cli, { access: "read", project, ...(lock === undefined ? {} : { lock }) });
  const named = await open();
  if (cli.globals.lock !== undefined) return [named];
  const others = lockNames(project.home).filter((name) => name !== named.lock.name);
  return [named, ...(await Promise.all(others.map(open)))];
}
