import { rmSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { tell } from "../support/held-lock.ts";
import type { Json } from "../support/program.ts";
import { hasKernelPulse, whyNoNativePart } from "../support/pulses-here.ts";
import { NumberedLines, numberedLines, SessionOutput } from "../support/session-output.ts";
import { expectFree, startSession, statusOf } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace, type Workspace } from "../support/workspace.ts";

const limitBytes = 64_000;
const limited = { options: ["--max-output", "64KB"] };
const blockBytes = 4096;

async function logsOf(workspace: Workspace, ...words: string[]): Promise<Json> {
  return (await workspace.holdfast(["logs", "-o", "--json", ...words])).json();
}

describe.skipIf(!hasKernelPulse)(`start --max-output${hasKernelPulse ? "" : `: ${whyNoNativePart}`}`, () => {
  it("keeps the newest lines on the disk, and a follower sees every line once and in order", async () => {
    const workspace = openWorkspace();
    const output = await NumberedLines.start(workspace, limited);
    const follower = workspace.spawnHoldfast(["logs", "-o", "-f"]);
    await until(() => follower.stdout() !== "");
    for (const cuts = new Set<number>(); cuts.size < 4; cuts.add(output.firstByte)) {
      await output.write(2_000);
      await until(() => follower.stdout().endsWith(output.lastLine));
    }
    await until(() => output.diskBytes <= limitBytes + blockBytes);
    expect(output.sizeBytes).toBeGreaterThan(2 * limitBytes);
    expect(follower.stderr()).toBe("");
    expect(follower.stdout().replace(/^agent \d+\n/, "")).toBe(numberedLines(1, output.count));
    expect((await workspace.holdfast(["logs", "-o", "-n", "5"])).stdout).toBe(
      numberedLines(output.count - 4, output.count),
    );
    await output.end();
    expect((await follower.ended).exitCode).toBe(0);
  });

  it("has readers of what is gone begin with the first line that is kept, and tells them", async () => {
    const workspace = openWorkspace();
    const output = await NumberedLines.start(workspace, limited);
    await output.write(20_000);
    await output.untilCut();
    await until(() => workspace.agentOutput().endsWith(output.lastLine));
    await workspace.holdfast(["stop"]);
    const { firstByte, sizeBytes } = output;
    const first = /\d+/.exec((await logsOf(workspace, "--cursor", "0", "--max-bytes", "20")).text)?.[0];
    const kept = numberedLines(Number(first), output.count);
    const place = { from_byte: firstByte, next_cursor: sizeBytes, eof: true };
    expect(Buffer.byteLength(kept)).toBe(sizeBytes - firstByte);
    expect(await logsOf(workspace, "--cursor", "7")).toMatchObject({
      text: kept,
      skipped_bytes: firstByte - 7,
      ...place,
    });
    expect(await logsOf(workspace, "-n", "20000")).toMatchObject({ text: kept, skipped_bytes: firstByte, ...place });
    const person = await workspace.holdfast(["logs", "-o", "--cursor", "0"]);
    expect(person).toMatchObject({ exitCode: 0, stdout: kept });
    expect(person.stderr).toMatch(/^⚠ \d+ kB of output before this are gone: no more than max_output is kept\n$/);
    const followed = await workspace.holdfast(["logs", "-o", "-f", "--cursor", "7", "--json"]);
    expect(
      followed
        .jsonLines()
        .map(({ text }) => text)
        .join(""),
    ).toBe(kept);
    expect(followed.jsonLines()[0]).toMatchObject({ from_byte: firstByte, skipped_bytes: firstByte - 7 });
  });

  it("limits an agent that never stops writing; nobody reads of the hole, and every gap is told", async () => {
    const workspace = openWorkspace();
    const { uid } = await startSession(workspace, agent("writes-on.sh"), limited);
    const output = new SessionOutput(workspace.state, uid);
    const follower = workspace.spawnHoldfast(["logs", "-o", "-f", "--json"]);
    await until(() => follower.stdout() !== "");
    await output.untilCut();
    await output.untilCut(output.firstByte);
    const tail = await workspace.holdfast(["logs", "-o", "-n", "100"]);
    expect(tail.stdout).toMatch(/^(line \d+\n){99,100}.*$/);
    await workspace.holdfast(["stop"]);
    expect(output.diskBytes).toBeLessThanOrEqual(limitBytes + blockBytes);
    const parts = (await follower.ended).jsonLines();
    for (const [index, part] of parts.entries()) {
      const from = index === 0 ? part.from_byte : parts[index - 1].next_cursor + part.skipped_bytes;
      expect(part).toMatchObject({ from_byte: from, next_cursor: from + Buffer.byteLength(part.text) });
      expect(part.text).not.toContain("\0");
    }
    expect(parts.at(-1)).toMatchObject({ eof: true, next_cursor: output.sizeBytes });
  });

  it("cuts what came in the last second, too, before the session counts as ended", async () => {
    const workspace = openWorkspace();
    const output = await NumberedLines.start(workspace, limited);
    await output.write(50_000);
    await output.end();
    await workspace.holdfast(["wait", "demo"]);
    expect(output.diskBytes).toBeLessThanOrEqual(limitBytes + blockBytes);
    expect((await logsOf(workspace, "-n", "1")).text).toBe(output.lastLine);
    const [cut, ...more] = workspace.events("output_cut");
    expect(cut).toMatchObject({ session: "demo", limit_bytes: limitBytes, first_byte: expect.any(Number) });
    expect(more).toEqual([]);
  });

  it("does not count as a sign of life of the agent", async () => {
    const workspace = openWorkspace();
    const output = await NumberedLines.start(workspace, limited);
    await output.write(20_000);
    await until(() => workspace.agentOutput().endsWith(output.lastLine));
    const writtenBy = Date.now();
    await until(() => output.diskBytes <= limitBytes + blockBytes);
    await until(() => statSync(output.path).mtimeMs <= writtenBy);
    expect(Date.parse((await statusOf(workspace)).session.last_output_at)).toBeLessThanOrEqual(writtenBy);
  });

  it("copes with an agent that truncates its own output", async () => {
    const workspace = openWorkspace();
    const script =
      "mkfifo go; exec 3<>go; seq 1 50000; read -r _ <&3; : >/dev/stdout; echo anew; read -r _ <&3; seq 1 50000; sleep 300";
    const { uid } = await startSession(workspace, ["sh", "-c", script], limited);
    const output = new SessionOutput(workspace.state, uid);
    await output.untilCut();
    const follower = workspace.spawnHoldfast(["logs", "-o", "-f"]);
    await until(() => follower.stdout().endsWith("50000\n"));
    await tell(join(workspace.root, "go"));
    await until(() => follower.stdout().endsWith("anew\n"));
    expect(await logsOf(workspace, "--cursor", "100000")).toMatchObject({
      text: "anew\n",
      from_byte: 0,
      next_cursor: 5,
    });
    await until(() => output.firstByte === 0, { what: "the keeper notices" });
    await tell(join(workspace.root, "go"));
    await output.untilCut();
    expect((await logsOf(workspace, "-n", "1")).text).toBe("50000\n");
    expect(workspace.events("output_cut")).toHaveLength(1);
    await workspace.holdfast(["stop"]);
    await expectFree(workspace);
  });

  it("cuts no file that somebody has put a link to in its place, and says so once", async () => {
    const workspace = openWorkspace();
    const { uid } = await startSession(workspace, agent("sleeper.sh"), limited);
    const { path } = new SessionOutput(workspace.state, uid);
    const elsewhere = workspace.write("elsewhere", "x".repeat(3 * limitBytes));
    rmSync(path);
    symlinkSync(elsewhere, path);
    await until(() => workspace.events("cleaned").length > 0);
    await workspace.holdfast(["stop"]);
    expect(workspace.events("cleaned")).toMatchObject([{ uid, what: "output", result: expect.stringContaining(path) }]);
    expect(workspace.read("elsewhere")).toBe("x".repeat(3 * limitBytes));
    await expectFree(workspace);
  });

  it("says of a search what it could not search", async () => {
    const workspace = openWorkspace();
    const output = await NumberedLines.start(workspace, limited);
    await output.write(20_000);
    await output.untilCut();
    const search = ["wait", "--until", "output=^line 19999$", "--json"];
    const found = (await workspace.holdfast(search)).json();
    expect(found).toMatchObject({ ok: true, skipped_bytes: output.firstByte });
    const from = ["--cursor", String(found.next_cursor), "--timeout", "0"];
    const none = await workspace.holdfast([...search, ...from]);
    expect(none.json().error).toMatchObject({ code: "WAIT_TIMEOUT", skipped_bytes: 0 });
    const early = await workspace.holdfast(["wait", "--until", "output=^line 1$", "--timeout", "0"]);
    expect(early.stderr).toMatch(/\d+ kB of output before this are gone/);
  });
});

describe("the limit of an output", () => {
  it("is what the configuration says, or 100 MB, or none; what run writes is the caller's", async () => {
    const workspace = openWorkspace();
    const started = async (...options: string[]) => {
      const { session } = (await workspace.holdfast(["start", "--json", ...options, "--", "sleep", "300"])).json();
      await workspace.holdfast(["stop"]);
      return session.max_output_bytes;
    };
    expect(await started()).toBe(100_000_000);
    expect(await started("--max-output", "none")).toBeNull();
    workspace.configure({ limits: { max_output: "1MiB" } });
    expect(await started()).toBe(1_048_576);
    expect(await started("--max-output", "512")).toBe(512);
    await workspace.holdfast(["run", "--id", "job", "true"]);
    const { sessions } = (await workspace.holdfast(["list", "--json"])).json();
    expect(sessions[0]).toMatchObject({ id: "job", max_output_bytes: null });
    for (const size of ["0", "much", "-1"]) {
      const refused = await workspace.holdfast(["start", "--json", "--max-output", size, "--", "true"]);
      expect(refused.exitCode).toBe(64);
      expect(refused.json().error.message).toContain("--max-output: expected a size");
    }
  });
});
