import { endianness } from "node:os";
import { readProcFile } from "./proc-files.ts";

/** What the numbers in /proc count in. */
export interface ProcMachine {
  readonly bootedAtMs: number;
  readonly ticksPerSecond: number;
  readonly pageBytes: number;
}

/** Entries of the auxiliary vector, from the kernel's include/uapi/linux/auxvec.h. */
const atPageSize = 6;
const atClockTick = 17;

/** Never changes while a process runs, so it is read once, and only when somebody asks for what needs it. */
export function readProcMachine(): ProcMachine {
  const values = readAuxiliaryVector();
  return {
    bootedAtMs: readBootTimeMs(),
    ticksPerSecond: ticksIn(values),
    // 4096 on x86; 16 or 64 KiB on some ARM and POWER kernels.
    pageBytes: values.get(atPageSize) ?? 4096,
  };
}

/** What start times count in, see `ProcMachine`, by itself. */
export function readTicksPerSecond(): number {
  return ticksIn(readAuxiliaryVector());
}

/** USER_HZ is part of the kernel's ABI, and 100 on everything Node runs on, whatever the kernel's own HZ is. */
function ticksIn(values: ReadonlyMap<number, number>): number {
  return values.get(atClockTick) ?? 100;
}

function readAuxiliaryVector(): ReadonlyMap<number, number> {
  const vector = readProcFile("/proc/self/auxv");
  return typeof vector === "string" ? new Map() : parseAuxiliaryVector(vector);
}

const bits32: readonly string[] = ["arm", "ia32", "mips", "mipsel", "ppc", "s390"];

/** Pairs of machine words: key and value, up to the key 0. */
export function parseAuxiliaryVector(
  bytes: Buffer,
  is32 = bits32.includes(process.arch),
  little = endianness() === "LE",
): ReadonlyMap<number, number> {
  const word = is32 ? 4 : 8;
  const read = (offset: number): number => {
    if (is32) return little ? bytes.readUInt32LE(offset) : bytes.readUInt32BE(offset);
    return Number(little ? bytes.readBigUInt64LE(offset) : bytes.readBigUInt64BE(offset));
  };
  const values = new Map<number, number>();
  for (let offset = 0; offset + 2 * word <= bytes.length; offset += 2 * word) {
    const key = read(offset);
    if (key === 0) break;
    values.set(key, read(offset + word));
  }
  return values;
}

/** Seconds since the machine has booted, in hundredths; NaN when it cannot be told. */
export function readUpSeconds(): number {
  return Number.parseFloat(String(readProcFile("/proc/uptime")));
}

/**
 * /proc/stat has it in whole seconds, rounded down, and /proc/uptime tells the rest. Where that says something else, as in
 * a container which is shown an uptime of its own, or by a clock that is set meanwhile, the whole seconds stand.
 */
function readBootTimeMs(): number {
  const wholeMs = bootTimeSeconds() * 1000;
  const restMs = Date.now() - readUpSeconds() * 1000 - wholeMs;
  return restMs >= 0 && restMs < 1010 ? wholeMs + Math.floor(restMs) : wholeMs;
}

function bootTimeSeconds(): number {
  const bytes = readProcFile("/proc/stat");
  const line = typeof bytes === "string" ? null : /^btime (\d+)$/m.exec(bytes.toString("latin1"));
  return Number(line?.[1] ?? 0);
}
