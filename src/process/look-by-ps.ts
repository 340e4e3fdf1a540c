/** What there is under a PID now. `hidden`: something may be there, but not for this process to see. */
export type Look = { readonly started: string; readonly zombie: boolean } | "none" | "hidden";

/**
 * Looks at one process with `ps`, where there is no /proc. Costs a process (5 to 10 ms): elsewhere than on Linux,
 * nothing cheaper tells a start time without native code. The start time has a resolution of one second.
 */
export function lookByPs(pid: number): Look {
  const answer = ask("ps", ["-p", String(pid), "-o", "stat=", "-o", "lstart="]);
  if (answer === null) return "hidden";
  const words = answer.trim().split(/\s+/);
  const [state = "", ...started] = words;
  return state === "" ? "none" : { started: started.join(" "), zombie: state.startsWith("Z") };
}

/**
 * An id that changes with every boot: macOS has one; the BSDs have the boot time.
 * @returns empty when neither can be asked, and then no identity can be judged
 */
export function bootByPs(): string {
  for (const name of ["kern.bootsessionuuid", "kern.boot_id", "kern.boottime"]) {
    const answer = ask("sysctl", ["-n", name])?.trim();
    if (answer !== undefined && answer !== "") return answer;
  }
  return "";
}

/** @returns the output, also of a command that found nothing; null when it cannot be run */
function ask(command: string, parameters: readonly string[]): string | null {
  // Not imported at the top: it would cost every start on Linux 2 ms for nothing.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- synchronous and late
  const { spawnSync } = require("node:child_process") as typeof import("node:child_process");
  const answer = spawnSync(command, parameters, {
    encoding: "utf8",
    // Local time would give one process two start times: in another TZ, and after the clocks change.
    env: { ...process.env, LC_ALL: "C", TZ: "UTC" },
    stdio: ["ignore", "pipe", "ignore"],
  });
  return answer.error === undefined ? answer.stdout : null;
}
