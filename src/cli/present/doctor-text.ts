import { escapeControl } from "../../home/names.ts";
import type { Check } from "../../session/doctor-check.ts";
import { alignColumns } from "./columns.ts";
import { adviceOnCheck } from "./errno-advice.ts";
import { nextSteps } from "./next-steps.ts";
import { counted, indent, type Style } from "./style.ts";

const symbols = { ok: "✅", warning: "⚠", failed: "❌" } as const satisfies Record<Check["state"], string>;

/** What was tried, a line each; below it what to do where something is wrong. */
export function doctorText(checks: readonly Check[], style: Style): readonly string[] {
  const texts = checks.map(({ text }) => text.split("\n").map((line) => escapeControl(line)));
  const lines = alignColumns(checks.map(({ name, state }, index) => [symbols[state], name, texts[index]?.[0] ?? ""]));
  const shown = checks.flatMap((check, index) => {
    const [line = "", more = []] = [lines[index], texts[index]?.slice(1)];
    return [inItsColour(check, line, style), ...[...more, ...nextSteps(adviceOnCheck(check), style)].map(indent)];
  });
  return [...shown, "", verdict(checks, style)];
}

function inItsColour({ state }: Check, line: string, { paint }: Style): string {
  if (state === "ok") return line;
  return state === "failed" ? paint.red(line) : paint.yellow(line);
}

function verdict(checks: readonly Check[], { paint }: Style): string {
  const count = (state: Check["state"]) => checks.filter((check) => check.state === state).length;
  const [failed, warnings] = [count("failed"), count("warning")];
  if (failed + warnings === 0) return paint.bold("All is well");
  return paint.bold(`${failed === 0 ? "Nothing failed" : `${failed} failed`}, ${counted(warnings, "warning")}`);
}
