import prettyBytes from "pretty-bytes";
import prettyMilliseconds from "pretty-ms";

/** `19m 58s`, `18d 3h`, `400ms`: the two largest units; never negative, for clocks differ. */
export function durationText(seconds: number): string {
  if (!Number.isFinite(seconds)) return "an unknown time";
  const ms = Math.max(0, seconds * 1000);
  return ms < 1000
    ? prettyMilliseconds(Math.floor(ms))
    : prettyMilliseconds(Math.floor(ms / 1000) * 1000, { unitCount: 2 });
}

/** Seconds from a moment until now; not a number for a moment that cannot be read. */
export function secondsSince(moment: Date | string, now: Date): number {
  return (now.getTime() - new Date(moment).getTime()) / 1000;
}

/** `29.1 MB`, `11.0 MB`, `512 kB`: three digits. An option of pretty-bytes for decimals makes it load Intl: 9 ms. */
export function bytesText(bytes: number): string {
  const [number = "0", unit = "B"] = prettyBytes(Math.max(0, bytes)).split(" ");
  return unit === "B" ? `${number} B` : `${Number(number).toPrecision(3)} ${unit}`;
}

/** The local time, with the date unless it is today's: `10:34:03`, `2025-06-28 10:34:03`. */
export function momentText(moment: Date | string, now: Date): string {
  const full = timestampText(moment);
  const today = timestampText(now).slice(0, dateLength);
  return full.startsWith(today) ? full.slice(dateLength + 1) : full;
}

const dateLength = "2025-06-29".length;

/** The local date: `2025-06-29`. */
export function dayText(moment: Date): string {
  return timestampText(moment).slice(0, dateLength);
}

/** The local date and time, `2025-06-29 10:34:03`; a dash for a moment that cannot be read. */
export function timestampText(moment: Date | string): string {
  const time = new Date(moment);
  if (Number.isNaN(time.getTime())) return "-";
  const date = [time.getFullYear(), twoDigits(time.getMonth() + 1), twoDigits(time.getDate())].join("-");
  return `${date} ${[time.getHours(), time.getMinutes(), time.getSeconds()].map(twoDigits).join(":")}`;
}

function twoDigits(number: number): string {
  return String(number).padStart(2, "0");
}
