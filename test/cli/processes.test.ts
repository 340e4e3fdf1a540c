import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { forgeClaim, realClaim } from "../support/forged-claims.ts";
import { callEverything, claimNaming, expectUntouched, startInnocent, type Innocent } from "../support/innocents.ts";
import { isAlive, lookAt } from "../support/live-processes.ts";
import { expectFree, statusOf } from "../support/sessions.ts";
import { bin, openWorkspace } from "../support/workspace.ts";

/** What a forged claim says of its keeper and its agent, in place of what was true. */
type Forgery = (innocent: Innocent) => { readonly owner: object; readonly agent: object };

const forgeries: readonly (readonly [string, Forgery])[] = [
  ["PIDs that are somebody else's now", ({ pid }) => ({ owner: { pid }, agent: { pid } })],
  [
    "this PID and start time, but before a reboot or in another container",
    ({ pid, started }) => ({
      owner: { pid, started, pid_ns: "pid:[1]" },
      agent: { pid, started, boot: "00000000-0000-4000-8000-000000000000" },
    }),
  ],
  [
    "an agent whose PID names a group of strangers now",
    ({ pid, group }) => ({ owner: { pid }, agent: { pid: group } }),
  ],
];

describe("a claim that names an innocent process: no command ever signals it (R3.4, R3.6):", () => {
  it.each(forgeries)("%s", async (_, forge) => {
    const workspace = openWorkspace();
    const innocent = await startInnocent();
    const claim = await realClaim(workspace);
    const { owner, agent: forgedAgent } = forge(innocent);
    forgeClaim(workspace, claimNaming(claim, { owner, agent: forgedAgent }));
    await callEverything(workspace);
    expectUntouched(innocent);
  });

  it("init as an agent is not believed: everything that runs would count as its session's", async () => {
    const workspace = openWorkspace();
    const claim = await realClaim(workspace);
    const session = {
      ...claim.info.session,
      agent: { ...claim.info.session.agent, pid: 1, started: lookAt(1)?.started },
    };
    forgeClaim(workspace, { ...claim, info: { ...claim.info, session } });
    // Only a look: should this ever fail, it must not take the machine down.
    expect(await statusOf(workspace)).toMatchObject({ active: false, session: null, process_count: 0 });
  });

  it("the same with a lease that still beats", async () => {
    const workspace = openWorkspace();
    const innocent = await startInnocent();
    const claim = await realClaim(workspace);
    mkdirSync(join(workspace.state, "claims/.lease-forged"));
    forgeClaim(workspace, {
      ...claim,
      pulse: { kind: "lease", lease: ".lease-forged", stale_ms: 15_000 },
      owner: { ...claim.owner, pid: innocent.pid },
    });
    await callEverything(workspace);
    expectUntouched(innocent);
  });

  it("a waiter's ticket and a client's registration", async () => {
    const workspace = openWorkspace();
    const innocent = await startInnocent();
    const claim = await realClaim(workspace);
    const { session } = claim.info;
    forgeClaim(workspace, claim);
    const stranger = { ...claim.owner, pid: innocent.pid };
    mkdirSync(join(workspace.state, "queue"), { recursive: true });
    writeFileSync(
      join(workspace.state, "queue/session.1"),
      `${JSON.stringify({
        ...claim,
        token: 1,
        purpose: "ticket",
        owner: stranger,
        info: { id: "waiter", by: session.by, command: ["true"] },
      })}\n`,
    );
    writeFileSync(
      join(workspace.state, "sessions", session.uid, "clients/01forgedclient"),
      JSON.stringify({ uid: "01forgedclient", name: "x", user: "x", process: stranger, joined_at: session.created_at }),
    );
    await workspace.holdfast(["stop", "waiter", "--force"]);
    await workspace.holdfast(["leave", "--pid", String(innocent.pid)]);
    await callEverything(workspace);
    expectUntouched(innocent);
  });
});

describe("a process of the project that only looks like an agent (R3.6)", () => {
  it("is not signalled by cleanup: another directory, a waiting holdfast, the caller itself", async () => {
    const workspace = openWorkspace();
    const elsewhere = openWorkspace();
    workspace.configure({ agent: { match: "sleep 271|no-such-thing" } });
    const other = elsewhere.spawn(["sleep", "271"]);
    const caller = workspace.spawn(["sh", "-c", 'node "$0" cleanup --json >cleaned; sleep 0.1 # no-such-thing', bin]);
    expect((await caller.ended).exitCode).toBe(0);
    expect(JSON.parse(workspace.read("cleaned"))).toMatchObject({ ok: true, actions: [] });
    expect(isAlive(other.pid)).toBe(true);
    expect((await statusOf(workspace)).outside).toEqual([]);
    await expectFree(workspace);
  });
});
