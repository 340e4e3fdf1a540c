import type { ProcessState } from "./table.ts";
import { stateOfLetter } from "./process-state.ts";

/** What `ps` tells beyond ps-list, in the order of the columns. */
export interface PsRow {
  readonly pid: number;
  readonly pgid: number;
  /** 0 where `ps` shows an address instead (macOS, the BSDs). */
  readonly sid: number;
  readonly tty: string | null;
  readonly state: ProcessState;
  readonly residentBytes: number;
  readonly cpuSeconds: number;
  /** The text of `lstart`, with single spaces. */
  readonly started: string;
  readonly startedAt: Date;
  readonly user: string;
}

/** The start time is five words, and a user's name may have spaces: it comes last. */
export const psColumns = ["pid", "pgid", "sess", "tty", "stat", "rss", "time", "lstart", "user"] as const;

const line =
  /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(\S+)\s+(\S+)\s+(\d+)\s+([\d:.-]+)\s+(\w+\s+\w+\s+\d+\s+[\d:]+\s+\d+)\s+(\S.*?)\s*$/;

/** @param output of `ps` with these columns, in the C locale and UTC; lines that make no sense are left out */
export function parsePsRows(output: string): readonly PsRow[] {
  return output.split("\n").flatMap((text) => {
    const fields = line.exec(text)?.slice(1);
    return fields === undefined ? [] : [rowOf(fields)];
  });
}

function rowOf(fields: readonly string[]): PsRow {
  const [pid, pgid, session = "", tty = "", stat = "", rss, time = "", lstart = "", user = ""] = fields;
  const started = lstart.split(/\s+/).join(" ");
  return {
    pid: Number(pid),
    pgid: Number(pgid),
    sid: process.platform === "linux" && /^\d+$/.test(session) ? Number(session) : 0,
    tty: /^[?-]+$/.test(tty) ? null : tty,
    state: stateOfLetter(stat.slice(0, 1)),
    residentBytes: Number(rss) * 1024,
    cpuSeconds: parseCpuTime(time),
    started,
    startedAt: new Date(`${started} UTC`),
    user,
  };
}

/** `[[days-]hours:]minutes:seconds[.hundredths]` in seconds. */
export function parseCpuTime(text: string): number {
  const [clock = "", days = "0"] = text.split("-").toReversed();
  const seconds = clock.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);
  return Number(days) * 86_400 + seconds;
}
