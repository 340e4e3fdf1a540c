import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { holdLock } from "../support/held-lock.ts";
import { endOf } from "../support/sessions.ts";
import { openWorkspace } from "../support/workspace.ts";

// A session is in its claim a moment before it has a directory, in which its clients register, and `stop` leaves word.
it("a session without a directory can be joined and stopped all the same (R2.1, R3.4)", async () => {
  const workspace = openWorkspace();
  const holder = await holdLock(workspace, { id: "demo" });
  const [uid = ""] = workspace.sessionDirectories();
  const remove = () => rmSync(join(workspace.state, "sessions", uid), { recursive: true });
  remove();
  const joined = (await workspace.holdfast(["join", "demo", "--json", "--pid", String(process.pid)])).json();
  expect(joined).toMatchObject({ ok: true, session: { uid } });
  expect((await workspace.holdfast(["status", "--json"])).json()).toMatchObject({ session: { active_clients: 1 } });
  remove();
  expect(await workspace.holdfast(["stop", "demo", "--reason", "enough"])).toMatchObject({ exitCode: 0 });
  await holder.run.ended;
  expect(endOf(workspace, uid)).toMatchObject({ reason: "stopped", stop_reason: "enough" });
});
