import { appendFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { holdLock, tell } from "../support/held-lock.ts";
import { startSession, untilItWaits } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace, type Workspace } from "../support/workspace.ts";

/** Starts the session `demo`, whose agent says nothing, and puts this into its output. */
async function sessionThatSays(workspace: Workspace, text: string): Promise<string> {
  const { uid } = await startSession(workspace, ["sleep", "300"]);
  const output = join(workspace.state, "sessions", uid, "output.log");
  appendFileSync(output, text);
  return output;
}

const numbers = Array.from({ length: 25 }, (_, index) => `line ${index + 1}\n`);

describe("logs --output", () => {
  it("shows the last 20 lines of the active session, stdout and stderr as they came (R3.7)", async () => {
    const workspace = openWorkspace();
    await sessionThatSays(workspace, numbers.join(""));
    expect(await workspace.holdfast(["logs", "-o"])).toMatchObject({
      exitCode: 0,
      stdout: numbers.slice(5).join(""),
      stderr: "",
    });
    expect((await workspace.holdfast(["logs", "-o", "-n", "2"])).stdout).toBe("line 24\nline 25\n");
    const { ok, session, text, eof } = (await workspace.holdfast(["logs", "-o", "-n", "1", "--json"])).json();
    expect({ ok, id: session.id, text, eof }).toEqual({ ok: true, id: "demo", text: "line 25\n", eof: false });
  });

  it("says so when it is less than was asked for, and how all of it is had", async () => {
    const workspace = openWorkspace();
    const million = Array.from({ length: 1_000_000 }, (_, index) => `${index}\n`).join("");
    await sessionThatSays(workspace, million);
    const cut = await workspace.holdfast(["logs", "-o", "-n", "1000000"]);
    expect(cut.stdout).toHaveLength(4 * 1024 * 1024);
    expect(cut.stderr).toBe("These are the last 4 MiB. All that is kept: --cursor 0 --follow\n");
    expect((await workspace.holdfast(["logs", "-o", "-n", "500000"])).stderr).toBe("");
    await workspace.holdfast(["stop"]);
    expect((await workspace.holdfast(["logs", "-o", "--cursor", "0", "--follow"])).stdout).toBe(million);
  });

  it("shows what an ended session said, the last one or the one that is named", async () => {
    const workspace = openWorkspace();
    for (const id of ["one", "two"]) {
      await startSession(workspace, ["sh", "-c", `echo out of ${id}; echo err of ${id} >&2; exec sleep 300`], { id });
      await until(() => workspace.agentOutput().includes(`err of ${id}`));
      await workspace.holdfast(["stop"]);
    }
    expect((await workspace.holdfast(["logs", "-o"])).stdout).toBe("out of two\nerr of two\n");
    const older = await workspace.holdfast(["logs", "-o", "--session", "one", "--json"]);
    expect(older.json()).toMatchObject({ session: { id: "one" }, text: "out of one\nerr of one\n", eof: true });
  });

  it("shows what a session said that was killed a moment ago, keeper and all (R2.3)", async () => {
    const workspace = openWorkspace();
    await workspace.holdfast(["run", "--id", "before", "true"]);
    const session = await startSession(workspace, ["sh", "-c", "echo last words; exec sleep 300"]);
    await until(() => workspace.agentOutput() === "last words\n");
    for (const pid of [session.keeperPid, session.pid]) process.kill(pid, "SIGKILL");
    await workspace.untilEmpty();
    const shown = await workspace.holdfast(["logs", "-o", "--json"]);
    expect(shown.json()).toMatchObject({ session: { id: "demo" }, text: "last words\n", eof: true });
    expect(workspace.events("ended")).toMatchObject([{ session: "before" }, { session: "demo", reason: "lost" }]);
  });

  it("fails with NO_SESSION where there is none to show (66)", async () => {
    const workspace = openWorkspace();
    await workspace.holdfast(["run", "--id", "one", "true"]);
    const refused = await workspace.holdfast(["logs", "-o", "--session", "two", "--json"]);
    expect(refused.exitCode).toBe(66);
    expect(refused.json().error).toMatchObject({ code: "NO_SESSION", next: ["holdfast list"] });
  });

  it("says of a session in line that it waits (66)", async () => {
    const workspace = openWorkspace();
    await startSession(workspace, agent("sleeper.sh"));
    await workspace.holdfast(["start", "two", "--queue", "--", "true"]);
    const refused = await workspace.holdfast(["logs", "-o", "--session", "two", "--json"]);
    expect(refused.exitCode).toBe(66);
    expect(refused.json().error.message).toBe("two is not active yet: next in line");
  });

  it.each(["lives", "has ended"])(
    "says of a run, which %s, that nothing is kept of what it writes (64)",
    async (how) => {
      const workspace = openWorkspace();
      const holder = await holdLock(workspace, { id: "one" });
      if (how === "has ended") await holder.letGo();
      for (const words of [
        ["logs", "-o"],
        ["logs", "-o", "-f", "--session", "one"],
      ]) {
        const refused = await workspace.holdfast([...words, "--json"]);
        expect(refused.exitCode).toBe(64);
        expect(refused.json().error.message).toMatch(/^Nothing is kept of what one writes: it is a run/);
      }
    },
  );

  it("strips terminal escapes, unless --raw asks for them", async () => {
    const workspace = openWorkspace();
    const text = "\u001B[1;31mred\u001B[0m \u001B]8;;http://x\u0007link\u001B]8;;\u0007 \u001B[2Kdone ✓\n";
    await sessionThatSays(workspace, text);
    expect((await workspace.holdfast(["logs", "-o"])).stdout).toBe("red link done ✓\n");
    expect((await workspace.holdfast(["logs", "-o", "--raw"])).stdout).toBe(text);
    expect((await workspace.holdfast(["logs", "-o", "--raw", "--json"])).json().text).toBe(text);
  });

  it("lets programs read on from a cursor, piece by piece, with nothing lost and no character torn", async () => {
    const workspace = openWorkspace();
    const text = `ü ${"ein längerer Satz mit 日本語 und 🔒 ".repeat(3)}\n`.repeat(4);
    await sessionThatSays(workspace, text);
    await workspace.holdfast(["stop"]);
    const pieces: string[] = [];
    for (let cursor = 0, eof = false; !eof;) {
      const words = ["logs", "-o", "--cursor", String(cursor), "--max-bytes", "100", "--json"];
      const piece = (await workspace.holdfast(words)).json();
      expect(piece.next_cursor).toBeGreaterThan(cursor);
      pieces.push(piece.text);
      ({ next_cursor: cursor, eof } = piece);
    }
    expect(pieces.join("")).toBe(text);
    expect(pieces.every((piece) => Buffer.byteLength(piece) <= 100)).toBe(true);
  });

  it("has nothing to give of an agent that has never written, and says when that is final", async () => {
    const workspace = openWorkspace();
    await sessionThatSays(workspace, "");
    const nothing = { text: "", from_byte: 0, next_cursor: 0, skipped_bytes: 0 };
    const read = async (...words: string[]) => (await workspace.holdfast(["logs", "-o", "--json", ...words])).json();
    expect(await read()).toMatchObject({ ...nothing, eof: false });
    expect(await read("--cursor", "0")).toMatchObject({ ...nothing, eof: false });
    await workspace.holdfast(["stop"]);
    expect(await read()).toMatchObject({ ...nothing, eof: true });
    expect(await read("--cursor", "0")).toMatchObject({ ...nothing, eof: true });
    const followed = await workspace.holdfast(["logs", "-o", "-f", "--json"]);
    expect(followed.jsonLines().at(-1)).toMatchObject({ ...nothing, eof: true });
  });

  it("leaves half an escape sequence at the end for the next read", async () => {
    const workspace = openWorkspace();
    const output = await sessionThatSays(workspace, "one\ntwo \u001B[3");
    const { text, next_cursor: cursor } = (await workspace.holdfast(["logs", "-o", "-n", "1", "--json"])).json();
    expect(text).toBe("two ");
    appendFileSync(output, "1mred\n");
    const next = await workspace.holdfast(["logs", "-o", "--cursor", String(cursor), "--json"]);
    expect(next.json()).toMatchObject({ text: "red\n", from_byte: cursor });
  });

  it("gives whole lines to a reader with a cursor, and the rest of a line when it is complete", async () => {
    const workspace = openWorkspace();
    const output = await sessionThatSays(workspace, "one\ntwo\nthr");
    const read = async (cursor: number) =>
      (await workspace.holdfast(["logs", "-o", `--cursor=${cursor}`, "--json"])).json();
    expect(await read(0)).toMatchObject({ text: "one\ntwo\n", next_cursor: 8, eof: false });
    appendFileSync(output, "ee\n");
    expect(await read(8)).toMatchObject({ text: "three\n", next_cursor: 14, eof: false });
    expect(await read(14)).toMatchObject({ text: "", next_cursor: 14, eof: false });
    await workspace.holdfast(["stop"]);
    expect(await read(14)).toMatchObject({ text: "", next_cursor: 14, eof: true });
  });

  it.each([["--cursor x"], ["--cursor -1"], ["--max-bytes x"], ["-n 1.5"], ["--max-bytes 9 -f"]])(
    "refuses %s as a usage error (64)",
    async (words) => {
      const workspace = openWorkspace();
      await sessionThatSays(workspace, "");
      const refused = await workspace.holdfast(["logs", "-o", "--json", ...words.split(" ")]);
      expect(refused.exitCode).toBe(64);
      expect(refused.json().error.code).toBe("USAGE");
    },
  );
});

describe("logs --output --follow", () => {
  it("shows the output as it comes, and ends with the session, nothing missing", async () => {
    const workspace = openWorkspace();
    const script = 'mkfifo one two; echo first; read -r _ <one; echo second; read -r _ <two; printf "the last"';
    await startSession(workspace, ["sh", "-c", script]);
    const follower = workspace.spawnHoldfast(["logs", "-o", "-f"]);
    await until(() => follower.stdout() === "first\n");
    await tell(join(workspace.root, "one"));
    await until(() => follower.stdout() === "first\nsecond\n");
    await tell(join(workspace.root, "two"));
    expect(await follower.ended).toMatchObject({ exitCode: 0, stdout: "first\nsecond\nthe last", stderr: "" });
  });

  it("ends also when the session's keeper and agent are killed", async () => {
    const workspace = openWorkspace();
    const session = await startSession(workspace, agent("sleeper.sh"));
    const follower = workspace.spawnHoldfast(["logs", "-o", "-f"]);
    await until(() => follower.stdout() !== "");
    process.kill(session.keeperPid, "SIGKILL");
    process.kill(session.pid, "SIGKILL");
    expect((await follower.ended).exitCode).toBe(0);
  });

  it("fails when it cannot be told whether the session has ended, and gives what there is (65)", async () => {
    const workspace = openWorkspace();
    const output = await sessionThatSays(workspace, "one\n");
    const follower = workspace.spawnHoldfast(["logs", "-o", "-f", "--json"]);
    await until(() => follower.stdout().includes("one"));
    await untilItWaits(follower);
    writeFileSync(join(workspace.state, "claims", "session.2"), "garbage\n", { mode: 0o600 });
    appendFileSync(output, "the last");
    for (const { pid } of workspace.agents()) process.kill(pid, "SIGTERM");
    const ended = await follower.ended;
    const documents = ended.jsonLines();
    expect(ended.exitCode).toBe(65);
    expect(documents.at(-1)).toMatchObject({ ok: false, error: { code: "DATA" } });
    expect(
      documents
        .slice(0, -1)
        .map(({ text }) => text)
        .join(""),
    ).toBe("one\nthe last");
  });

  it("tears neither a character nor an escape that comes in two writes", async () => {
    const workspace = openWorkspace();
    const output = await sessionThatSays(workspace, "begin\n");
    const follower = workspace.spawnHoldfast(["logs", "-o", "-f", "--json"]);
    await until(() => follower.stdout().includes("begin"));
    // Each piece ends within a character or an escape, behind something that shows it has been read.
    const pieces = ["a\u00c3", "\u00bc\u001b[3", "1mred\u001b", "[0mx\u00f0\u009f", "\u0094\u0092.\n"];
    const seen = ["a", "ü", "red", "x", "🔒."];
    for (const [index, piece] of pieces.entries()) {
      appendFileSync(output, Buffer.from(piece, "latin1"));
      await until(() => follower.stdout().includes(`"text":"${seen[index]}`));
    }
    await workspace.holdfast(["stop"]);
    const documents = (await follower.ended).jsonLines();
    expect(documents.map(({ text }) => text).join("")).toBe("begin\naüredx🔒.\n");
    expect(documents.at(-1)).toMatchObject({
      next_cursor: Buffer.byteLength(`begin\n${pieces.join("")}`, "latin1"),
      eof: true,
    });
  });

  it("goes on from the start of an output that was cut", async () => {
    const workspace = openWorkspace();
    const output = await sessionThatSays(workspace, "a long line that is cut away\n");
    const follower = workspace.spawnHoldfast(["logs", "-o", "-f"]);
    await until(() => follower.stdout().includes("cut away"));
    truncateSync(output);
    appendFileSync(output, "anew\n");
    await until(() => follower.stdout().endsWith("anew\n"));
    expect((await workspace.holdfast(["logs", "-o"])).stdout).toBe("anew\n");
  });
});
