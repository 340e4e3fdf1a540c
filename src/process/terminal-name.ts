import { readFileSync } from "node:fs";

/** The kernel packs a device number so: the low 8 bits of the minor, 12 bits of major, the high 12 bits of the minor. */
export function splitDeviceNumber(number: number): { readonly major: number; readonly minor: number } {
  return { major: (number >>> 8) & 0xfff, minor: (number & 0xff) | ((number >>> 12) & 0xfff00) };
}

/**
 * The name below /dev of a terminal, from the `tty_nr` of /proc/PID/stat, by the numbers in the kernel's
 * Documentation/admin-guide/devices.txt.
 * @returns null for 0, which means no terminal; `major:minor` for one that nobody knows
 */
export function terminalName(ttyNumber: number): string | null {
  if (ttyNumber === 0) return null;
  const { major, minor } = splitDeviceNumber(ttyNumber);
  // Major numbers 136 to 143 had 256 pseudo-terminals each; today all are under 136.
  if (major >= 136 && major <= 143) return `pts/${(major - 136) * 256 + minor}`;
  if (major === 4) return minor < 64 ? `tty${minor}` : `ttyS${minor - 64}`;
  if (major === 5 && minor === 1) return "console";
  return nameInSysfs(`${major}:${minor}`);
}

/** USB, ARM and virtual serial lines have numbers of their own; sysfs knows all of these. */
function nameInSysfs(device: string): string {
  try {
    const uevent = readFileSync(`/sys/dev/char/${device}/uevent`, "utf8");
    return /^DEVNAME=(.+)$/m.exec(uevent)?.[1] ?? device;
  } catch {
    return device;
  }
}
