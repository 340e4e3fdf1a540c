import { escapeControl } from "../../home/names.ts";
import { cutToWidth, displayWidth } from "./display-width.ts";
import type { LiveFrame } from "./live-view.ts";
import { stoppedText } from "./outcome-text.ts";
import { timestampText } from "./quantities.ts";
import { statusText } from "./status-text.ts";
import { indent, separator, type Style } from "./style.ts";

export interface FrameRoom {
  readonly columns: number;
  readonly rows: number;
  /** Symbols as the terminal can show them. */
  readonly shown: (text: string) => string;
}

const keys = "j join   s stop   q quit";

/**
 * One picture of `status --watch`, exactly as many lines as there are rows and none too wide: what `status` says, below
 * it as much of the agent's output as there is room for, keys in the last line.
 */
export function liveFrame(frame: LiveFrame, { columns, rows, shown }: FrameRoom, style: Style): readonly string[] {
  const facts = [style.paint.bold(escapeControl(frame.root)), `lock ${frame.status.lock}`, clockText(style)];
  const above = [facts.join(separator), "", ...statusText(frame.recent, style)].map(shown);
  const below = [...saidLines(frame.said, style), lastLine(frame, style)].map(shown);
  const body = [...above, ...outputLines(frame.output, rows - above.length - below.length, style)];
  const room = Math.max(0, rows - below.length);
  const filled = [...body.slice(0, room), ...Array<string>(Math.max(0, room - body.length)).fill("")];
  return [...filled, ...below].slice(-rows).map((line) => cutToWidth(line, columns, shown("…")));
}

function clockText({ now }: Style): string {
  return timestampText(now).split(" ")[1] ?? "";
}

function saidLines(said: LiveFrame["said"], style: Style): readonly string[] {
  if (said === null) return [];
  if (said instanceof Error) return [`${style.paint.red("✖")} ${escapeControl(said.message.split("\n")[0] ?? "")}`];
  if (typeof said === "string") return [escapeControl(said)];
  return stoppedText(said, style).slice(0, 1);
}

function lastLine({ asked }: LiveFrame, { paint }: Style): string {
  return asked === null ? paint.dim(keys) : paint.bold(`Stop ${escapeControl(asked)}? y/n`);
}

/** The last lines of an agent's output, with a heading; none where there is no room for both. */
function outputLines(output: string, room: number, { paint }: Style): readonly string[] {
  const count = room - 2;
  if (output === "" || count < 1) return [];
  const lines = output.replace(/\n$/, "").split("\n").slice(-count);
  return ["", paint.dim("last output"), ...lines.map((line) => indent(settledLine(line)))];
}

const tabColumns = 8;

/** A line as it stands on a terminal when it is complete: a progress bar has drawn over what was there before. */
function settledLine(line: string): string {
  const drawn = line.split("\r").findLast((text) => text !== "") ?? "";
  // A tab ends where columns count anew, so only what stands between two is measured: there may be thousands in a line.
  const pieces = drawn.split("\t");
  const last = pieces.pop() ?? "";
  const filled = pieces.map((text) => text + " ".repeat(tabColumns - (displayWidth(text) % tabColumns)));
  return escapeControl(filled.join("") + last);
}
