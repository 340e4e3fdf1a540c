import { expect, it } from "vitest";
import { pulsesHere } from "../support/pulses-here.ts";
import { startSession, statusOf } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { agent, openWorkspace } from "../support/workspace.ts";

const untilReady = ["--ready-output", "NEVER", "--ready-timeout", "10s"];

// It took the signal for one that ends its wait, and went on until the agent was ready or had failed to be.
it.each(pulsesHere.flatMap((pulse) => (["SIGINT", "SIGTERM", "SIGHUP"] as const).map((signal) => ({ pulse, signal }))))(
  "start --wait that has the lock already dies of $signal, as without ($pulse pulse)",
  async ({ pulse, signal }) => {
    const workspace = openWorkspace();
    workspace.configure({ pulse });
    const words = ["start", "demo", "--wait", "5m", ...untilReady, "--", ...agent("sleeper.sh")];
    const starting = workspace.spawnHoldfast(words);
    await until(() => workspace.events("started").length === 1);
    starting.signal(signal);
    expect(await starting.ended).toMatchObject({ signal, stdout: "" });
    expect((await statusOf(workspace)).session).toMatchObject({ id: "demo", state: "starting" });
  },
);

it("start --wait without an id tells while it waits the one that it gets", async () => {
  const workspace = openWorkspace();
  const first = await startSession(workspace);
  const waiting = workspace.spawnHoldfast(["start", "--wait", "20s", "--json", "--", ...agent("sleeper.sh")]);
  await until(() => waiting.stderr().includes("waiting"));
  await workspace.holdfast(["stop", first.id]);
  const { session } = (await waiting.ended).json();
  // There is another one behind it, if the end of the first was seen coming.
  const [notice = ""] = waiting.stderr().split("\n");
  expect(JSON.parse(notice)).toMatchObject({ event: "waiting", id: session.id });
  expect(workspace.events("queued")).toMatchObject([{ session: session.id, uid: session.uid }]);
});
