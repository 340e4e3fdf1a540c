import { describe, expect, it } from "vitest";
import { schemaProblems } from "../support/output-schema.ts";
import { startSession } from "../support/sessions.ts";
import { agent, bin, openWorkspace } from "../support/workspace.ts";

describe("who looks in the wrong place is told so", () => {
  it.each([[["stop", "train"]], [["stop"]], [["join", "train"]], [["wait", "train"]], [["leave"]]])(
    "%j: the session has another lock (R3.5)",
    async (words) => {
      const workspace = openWorkspace();
      await startSession(workspace, agent("sleeper.sh"), { id: "train", options: ["--lock", "gpu"] });
      const refused = await workspace.holdfast([...words, "--json"]);
      expect(refused.exitCode).toBe(66);
      expect(schemaProblems("failure", refused.json())).toEqual([]);
      expect(refused.json().error).toMatchObject({
        code: "NO_SESSION",
        lock: "session",
        elsewhere: { id: "train", lock: "gpu" },
        next: [
          "holdfast --lock gpu status",
          // Not beside the one that is meant.
          ...(words.length > 1 ? [] : ["holdfast start ID -- COMMAND"]),
          "holdfast logs",
        ],
      });
    },
  );

  it("status says so, too, and how to look there (R3.5)", async () => {
    const workspace = openWorkspace();
    const start = "   start one    holdfast start ID -- COMMAND\n";
    expect(await workspace.holdfast(["status"])).toMatchObject({ stdout: "No active session\n", stderr: start });
    await startSession(workspace, agent("sleeper.sh"), { id: "train", options: ["--lock", "gpu"] });
    // One that cannot be read hides no other.
    workspace.write(".holdfast/claims/damaged.1", "garbage\n");
    expect(await workspace.holdfast(["status"])).toMatchObject({
      stdout: "No active session\n",
      stderr:
        "   train runs on another lock    holdfast --lock gpu status\n   start one                     holdfast start ID -- COMMAND\n",
    });
  });

  it("so it is when a session of another name has this one", async () => {
    const workspace = openWorkspace();
    await startSession(workspace, agent("sleeper.sh"), { id: "train", options: ["--lock", "gpu"] });
    await startSession(workspace, agent("sleeper.sh"), { id: "main" });
    const { stderr, exitCode } = await workspace.holdfast(["stop", "train"]);
    expect(exitCode).toBe(66);
    expect(stderr).toContain("expected train, found main\n   train runs on another lock: gpu\n");
  });

  it("in a directory that was removed, whatever PWD says: it is no other project's (R3.1)", async () => {
    const workspace = openWorkspace();
    const script = 'mkdir gone && cd gone && rmdir "$PWD" && exec env "$@"';
    for (const pwd of [["-u", "PWD"], [`PWD=${workspace.root}`]]) {
      const words = ["sh", "-c", script, "sh", ...pwd, "node", bin, "status"];
      const { exitCode, stderr } = await workspace.spawn(words).ended;
      expect(exitCode).toBe(64);
      expect(stderr).toContain("this directory does not exist");
    }
  });
});
