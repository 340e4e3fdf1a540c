import { escapeControl } from "../../home/names.ts";
import type { Style } from "./style.ts";

/** Something that is wrong, beside what was asked for. */
export function warningText(problem: string, { paint }: Style): string {
  return `${paint.yellow("⚠")} ${escapeControl(problem)}`;
}
