import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { forgeClaim, realClaim } from "../support/forged-claims.ts";
import { endOf, startSession } from "../support/sessions.ts";
import { openWorkspace, type Workspace } from "../support/workspace.ts";

/** A registration of a process that is dead, as `join` writes one. */
async function deadClient(workspace: Workspace, uid: string): Promise<object> {
  const { owner } = await realClaim(workspace);
  return {
    uid,
    name: "planted",
    user: "dev",
    joined_at: new Date().toISOString(),
    process: { ...owner, started: "1" },
  };
}

const everyCommand = [
  ["status"],
  ["list"],
  ["leave", "--as", "planted"],
  ["cleanup", "--idle", "0", "--dry-run"],
  ["watch", "--once"],
  ["stop"],
  ["cleanup"],
];

async function callEverything(workspace: Workspace): Promise<void> {
  for (const words of everyCommand) {
    const { exitCode, stderr } = await workspace.holdfast(words);
    expect({ words, stderr, exitCode }).not.toMatchObject({ exitCode: 70 });
  }
}

describe("what somebody has put into a session's directory", () => {
  it("leads no command to remove a file elsewhere: a client that claims another name", async () => {
    const workspace = openWorkspace();
    const client = await deadClient(workspace, "../../../../kept");
    const { uid } = await startSession(workspace);
    workspace.write("kept.json", "{}");
    workspace.write(`.holdfast/sessions/${uid}/clients/planted.json`, JSON.stringify(client));
    await callEverything(workspace);
    expect(existsSync(join(workspace.root, "kept.json"))).toBe(true);
  });

  it.each(["", "clients"])(
    "leads no command to write or remove elsewhere: a link in place of it (%s)",
    async (part) => {
      const workspace = openWorkspace();
      const client = await deadClient(workspace, "client");
      const claim = await realClaim(workspace);
      const elsewhere = join(workspace.root, "elsewhere");
      mkdirSync(join(elsewhere, "clients"), { recursive: true });
      for (const path of ["client.json", "clients/client.json"]) {
        writeFileSync(join(elsewhere, path), JSON.stringify(client));
      }
      forgeClaim(workspace, claim);
      const { uid } = claim.info.session;
      const directory = join(workspace.state, "sessions", uid);
      rmSync(join(directory, part), { recursive: true });
      symlinkSync(elsewhere, join(directory, part));
      // Its end was written already when it was stopped. This one is lost, unless its record tells how it ended.
      rmSync(join(workspace.state, "holdfast.log"));
      await callEverything(workspace);
      expect(endOf(workspace, uid)).toMatchObject({ reason: part === "" ? "lost" : "stopped" });
      expect(new Set(readdirSync(elsewhere, { recursive: true, encoding: "utf8" }))).toEqual(
        new Set(["client.json", "clients", "clients/client.json"]),
      );
    },
  );
});
