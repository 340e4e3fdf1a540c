import { escapeControl } from "../../home/names.ts";
import type { HolderCard } from "../../session/refusals.ts";
import { whereText } from "../../process/identity.ts";

/** `PID 7 in another PID namespace on this machine` */
export function pidText(pid: number, { where, host }: Pick<HolderCard, "where" | "host">): string {
  return escapeControl(`PID ${pid} ${whereText(where, host)}`.trimEnd());
}
