import { describe, expect, it } from "vitest";
import { openFilesOf } from "../support/live-processes.ts";
import { hasKernelPulse } from "../support/pulses-here.ts";
import { statusOf } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, bin, openWorkspace } from "../support/workspace.ts";

// A step of a CI job ends when nobody has its output open any more. Node passes on what it has inherited above a gap in
// the numbers: such a step waited for as long as the session lived.
describe.each([
  ["starts", []],
  ["leaves in line", ["--queue"]],
])("what start %s", (_, options) => {
  it("keeps none of the caller's descriptors open, whatever their number (R0.6)", async () => {
    const workspace = openWorkspace();
    if (options.length > 0) await workspace.holdfast(["start", "first", "--", ...agent("sleeper.sh")]);
    const script = 'exec 3>&1 9>&1 11>&1 40>&1 213>&1 40<>kept; "$@" >/dev/null 2>&1';
    const call = [process.execPath, bin, "start", "demo", ...options, "--", ...agent("sleeper.sh")];
    // Its end is that of the last one that writes to its stdout.
    const { exitCode } = await workspace.spawn(["bash", "-c", script, "bash", ...call]).ended;
    expect(exitCode).toBe(0);
    if (options.length > 0) {
      await workspace.holdfast(["stop", "first"]);
      await until(async () => (await statusOf(workspace)).session?.state === "active");
    }
    const { session } = await statusOf(workspace);
    const open = [session.pid, session.keeper_pid].flatMap((pid) => openFilesOf(pid));
    expect(open.filter((path) => path.endsWith("/kept"))).toEqual([]);
    // With a lease there is nothing to inherit.
    const claim = hasKernelPulse ? [expect.stringMatching(/^\.new-session-.* \(deleted\)$/)] : [];
    expect(
      openFilesOf(session.pid)
        .map((path) => path.replace(/.*\//, ""))
        .toSorted(),
    ).toEqual([...claim, "null", "output.log", "output.log"]);
  });
});
