import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openWorkspace, type Workspace } from "../support/workspace.ts";

/** Runs a command as a session of this id, to its end. */
async function runOnce(workspace: Workspace, id: string, options: readonly string[] = []): Promise<void> {
  const ran = await workspace.holdfast(["run", "--id", id, ...options, "true"]);
  expect(ran).toMatchObject({ exitCode: 0, stderr: "" });
}

function recordOf(workspace: Workspace, uid: string): string {
  return join(workspace.state, "sessions", uid, "record.json");
}

/** The ended session's record again, as those of so many others: each with a uid of its own, made a moment later. */
function multiply(workspace: Workspace, uid: string, count: number): void {
  const text = readFileSync(recordOf(workspace, uid), "utf8");
  for (let number = 1; number <= count; number += 1) {
    // Unlike the first in the letter before, whatever that ends in.
    const other = `${uid.slice(0, -3)}${uid.at(-3) === "z" ? "y" : "z"}${String(number).padStart(2, "0")}`;
    mkdirSync(join(workspace.state, "sessions", other));
    writeFileSync(recordOf(workspace, other), text.replaceAll(uid, other));
  }
}

describe("what is kept of ended sessions", () => {
  it("is forgotten when it is older than retention.output, and the log says so (R1.4, R4.7)", async () => {
    const workspace = openWorkspace();
    await runOnce(workspace, "old", ["--lock", "nightly"]);
    const [old] = workspace.events("ended");
    workspace.configure({ retention: { output: "0s" } });
    await runOnce(workspace, "next");
    expect(workspace.events("removed")).toContainEqual(
      expect.objectContaining({
        lock: "nightly",
        session: "old",
        uid: old?.["uid"],
        token: 1,
        why: "older than retention.output",
        ended_at: old?.["ended_at"],
        by: expect.objectContaining({ user: expect.any(String) }),
      }),
    );
    expect(workspace.sessionDirectories()).not.toContain(old?.["uid"]);
    expect((await workspace.holdfast(["logs", "-l", "nightly"])).stdout).toContain(
      "old  forgotten: older than retention.output",
    );
  });

  it("is forgotten when it is more than retention.keep, the newest last; each with a line in the log (R4.7)", async () => {
    const workspace = openWorkspace();
    await runOnce(workspace, "first");
    const [uid = ""] = workspace.sessionDirectories();
    multiply(workspace, uid, 20);
    workspace.configure({ retention: { keep: 2 } });
    await runOnce(workspace, "last");
    const removed = workspace.events("removed");
    expect(new Set(removed.map(({ why }) => why))).toEqual(new Set(["more than retention.keep"]));
    expect(removed).toHaveLength(20);
    const last = workspace.events("ended").at(-1);
    expect(workspace.sessionDirectories()).toHaveLength(2);
    expect(workspace.sessionDirectories()).toContain(last?.["uid"]);
    for (const event of removed) expect(workspace.sessionDirectories()).not.toContain(event["uid"]);
  });

  it("never fails the session after which it cannot be forgotten, nor keeps the others (R2.4)", async () => {
    const workspace = openWorkspace();
    await runOnce(workspace, "stuck");
    const [stuck = ""] = workspace.sessionDirectories();
    await runOnce(workspace, "other");
    workspace.configure({ retention: { output: "0s" } });
    const refuses = workspace.write("refuses.cjs", refusingToRemove(stuck));
    const ran = await workspace.holdfast(["run", "--id", "next", "sh", "-c", "exit 7"], {
      env: { NODE_OPTIONS: `--require ${refuses}` },
    });
    expect(ran).toMatchObject({ exitCode: 7, stderr: "" });
    expect(workspace.events("removed").map(({ session }) => session)).toContain("other");
    expect(workspace.events("removed").map(({ session }) => session)).not.toContain("stuck");
    // As soon as it can be, it is.
    await runOnce(workspace, "later");
    expect(workspace.events("removed").map(({ session }) => session)).toContain("stuck");
  });

  it("nor fails it when a record cannot be read (R2.4)", async () => {
    const workspace = openWorkspace();
    await runOnce(workspace, "damaged");
    const [uid = ""] = workspace.sessionDirectories();
    rmSync(recordOf(workspace, uid));
    mkdirSync(recordOf(workspace, uid));
    workspace.configure({ retention: { output: "0s" } });
    await runOnce(workspace, "next");
    expect(workspace.sessionDirectories()).toContain(uid);
  });

  it("of one lock stays when another lock's is cleaned up (R1.4)", async () => {
    const workspace = openWorkspace();
    await runOnce(workspace, "one");
    await runOnce(workspace, "two", ["--lock", "second"]);
    const cleaned = await workspace.holdfast(["cleanup", "--ended", "0", "--lock", "second", "--json"]);
    expect(cleaned.json().actions).toMatchObject([{ what: "ended_session", name: "two", result: "removed" }]);
    expect(workspace.sessionDirectories()).toHaveLength(1);
    const all = await workspace.holdfast(["cleanup", "--ended", "0", "--json"]);
    expect(all.json().actions).toMatchObject([{ what: "ended_session", name: "one", result: "removed" }]);
    expect(workspace.events("removed")).toMatchObject([
      { lock: "second", session: "two", why: "ended long enough ago" },
      { lock: "session", session: "one", why: "ended long enough ago" },
    ]);
    expect(workspace.events("cleaned")).toEqual([]);
  });

  it("is told by one that cannot be cleaned up, as failed (R4.7)", async () => {
    const workspace = openWorkspace();
    await runOnce(workspace, "stuck");
    const [uid = ""] = workspace.sessionDirectories();
    const refuses = workspace.write("refuses.cjs", refusingToRemove(uid));
    const cleaned = await workspace.holdfast(["cleanup", "--ended", "0", "--json"], {
      env: { NODE_OPTIONS: `--require ${refuses}` },
    });
    expect(cleaned).toMatchObject({ exitCode: 1 });
    expect(cleaned.json().actions).toMatchObject([{ what: "ended_session", name: "stuck", result: "failed" }]);
    expect(workspace.events("removed")).toEqual([]);
    expect(workspace.events("cleaned")).toMatchObject([{ what: "ended_session stuck", result: "failed" }]);
  });
});

/** A directory that cannot be removed, for root neither: a module that fails as the system would. */
function refusingToRemove(uid: string): string {
  return `const fs = require("node:fs");
    const remove = fs.rmSync;
    fs.rmSync = (path, options) => {
      if (path.includes("${uid}")) throw Object.assign(new Error("EACCES"), { code: "EACCES", syscall: "rm", path });
      remove(path, options);
    };`;
}
