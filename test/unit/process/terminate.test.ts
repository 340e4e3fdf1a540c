import { beforeEach, expect, it } from "vitest";
import { Failure } from "../../../src/failure.ts";
import { terminate, type TerminateOptions, type TerminateResult } from "../../../src/process/terminate.ts";
import { FakeMachine, type FakeProcess } from "../../support/fake-machine.ts";

const ours = { HOLDFAST_SESSION: "k3y0000000" };

let machine: FakeMachine;

beforeEach(() => {
  machine = new FakeMachine();
  machine.start({ pid: 1, command: "init" });
});

function left(): readonly FakeProcess[] {
  return [...machine.processes.values()].filter(({ env }) => env === ours);
}

function end(options: Partial<TerminateOptions> = {}): Promise<TerminateResult> {
  return terminate({
    table: machine,
    find: async () => (await machine.list()).filter(({ pid }) => machine.processes.get(pid)?.env === ours),
    signal: "SIGTERM",
    killAfterMs: 10_000,
    clock: machine.clock,
    signalOne: machine.signalOne,
    ...options,
  });
}

/** Does nothing about signals that can be caught. */
const ignores = (): void => undefined;

it("looks once and does nothing when nothing is left", async () => {
  let looks = 0;
  machine.onList = () => (looks += 1);
  expect(await end()).toEqual({ ended: [], survivors: [] });
  expect(looks).toBe(1);
});

it("asks each once, waits for the slow, and names each process it ended (R3.4)", async () => {
  const quick = machine.start({ env: ours, command: "node quick.js" });
  const slow = machine.start({ env: ours, command: "node slow.js", onSignal: ignores });
  machine.onTick = () => machine.clock.now() > 3000 && machine.end(slow.pid);
  const result = await end();
  expect(machine.signals).toEqual([`${quick.pid} SIGTERM`, `${slow.pid} SIGTERM`]);
  expect(result.survivors).toEqual([]);
  expect(result.ended).toEqual([
    { pid: quick.pid, command: "node quick.js", how: "SIGTERM", started_at: quick.startedAt.toISOString() },
    { pid: slow.pid, command: "node slow.js", how: "SIGTERM", started_at: slow.startedAt.toISOString() },
  ]);
});

it("kills what remains after the grace period, and not before (R3.4)", async () => {
  const stubborn = machine.start({ env: ours, onSignal: ignores });
  let killedAtMs = 0;
  machine.onTick = () => machine.processes.has(stubborn.pid) && (killedAtMs = machine.clock.now());
  const { ended, survivors } = await end({ killAfterMs: 1500 });
  expect(ended).toMatchObject([{ pid: stubborn.pid, how: "SIGKILL" }]);
  expect(survivors).toEqual([]);
  expect(killedAtMs).toBe(1500);
});

it("kills at once when it is told to, also in the middle of the grace period (R2.2)", async () => {
  machine.start({ env: ours, onSignal: ignores });
  const abort = new AbortController();
  machine.onTick = () => machine.clock.now() >= 100 && abort.abort();
  const { ended } = await end({ abort: abort.signal });
  expect(ended).toMatchObject([{ how: "SIGKILL" }]);
  expect(machine.clock.now()).toBeLessThan(200);
});

it("sends nothing but SIGKILL when that is the signal", async () => {
  const { pid } = machine.start({ env: ours });
  const { ended } = await end({ signal: "SIGKILL" });
  expect(ended).toMatchObject([{ pid, how: "SIGKILL" }]);
  expect(machine.signals).toEqual([`${pid} SIGSTOP`, `${pid} SIGKILL`]);
});

it("ends children that appear while their parents end (R4.2)", async () => {
  const parent = machine.start({ env: ours });
  parent.onSignal = () => {
    machine.fork(parent, { command: "child" });
    machine.end(parent.pid);
  };
  const { ended } = await end();
  expect(ended.map(({ command, how }) => [command, how])).toEqual([
    ["node agent.js", "SIGTERM"],
    ["child", "SIGTERM"],
  ]);
});

it("continues stopped processes so that they can obey, also those that stop later", async () => {
  /** A stopped process gets its signal when it is continued. */
  const obeysAwake = (signal: NodeJS.Signals, { pid, state }: FakeProcess): unknown =>
    state !== "stopped" && signal === "SIGCONT" && machine.end(pid);
  const stopped = machine.start({ env: ours, state: "stopped", onSignal: obeysAwake });
  const later = machine.start({ env: ours, onSignal: obeysAwake });
  machine.onTick = () => (later.state = "stopped");
  const { ended } = await end();
  expect(machine.signals).toEqual([
    `${stopped.pid} SIGTERM`,
    `${stopped.pid} SIGCONT`,
    `${later.pid} SIGTERM`,
    `${later.pid} SIGCONT`,
  ]);
  expect(ended.map(({ how }) => how)).toEqual(["SIGTERM", "SIGTERM"]);
});

it("ends what forks on and on by stopping all of it first", async () => {
  machine.start({ env: ours, onSignal: ignores });
  // At every look and every wait each process that is not stopped has another child.
  const forkAll = (): void => {
    if (left().length > 500) return;
    for (const process of left()) if (process.state !== "stopped") machine.fork(process, { onSignal: ignores });
  };
  let forks = 6;
  machine.onList = () => (forks -= 1) > 0 && forkAll();
  const { survivors } = await end({ killAfterMs: 0 });
  expect(survivors).toEqual([]);
  expect(left()).toEqual([]);
  const firstKill = machine.signals.findIndex((text) => text.endsWith("SIGKILL"));
  expect(machine.signals.findLastIndex((text) => text.endsWith("SIGSTOP"))).toBeLessThan(firstKill);
});

it("ends processes that replace each other when one is killed", async () => {
  machine.start({ env: ours, onSignal: ignores });
  machine.start({ env: ours, onSignal: ignores });
  const { survivors } = await end({
    killAfterMs: 0,
    signalOne: (identity, signal) => {
      const result = machine.signalOne(identity, signal);
      const watcher = left().find(({ state }) => state !== "stopped");
      if (signal === "SIGKILL" && watcher !== undefined) machine.fork(watcher, { onSignal: ignores });
      return result;
    },
  });
  expect(survivors).toEqual([]);
  expect(left()).toEqual([]);
});

it("looks again when it found nothing, for what was handed on during the look", async () => {
  const { pid } = machine.start({ env: ours });
  let looks = 0;
  machine.onList = () => {
    looks += 1;
    // The look that finds the first one gone misses its child; the next one does not.
    if (looks === 4) machine.start({ env: ours, command: "child" });
  };
  const { ended } = await end();
  expect(ended.map((process) => process.command)).toEqual(["node agent.js", "child"]);
  expect(ended[0]?.pid).toBe(pid);
});

it("does not take for ended what the search only lost sight of (R1.1)", async () => {
  const { pid } = machine.start({ env: ours, onSignal: ignores });
  let looks = 0;
  const { ended } = await end({
    killAfterMs: 100,
    find: async () => ((looks += 1) > 1 ? [] : (await machine.list()).filter((entry) => entry.pid === pid)),
  });
  expect(ended).toMatchObject([{ pid, how: "SIGKILL" }]);
});

it("waits until it can look again, and takes nothing for gone until then (R1.1)", async () => {
  const { pid } = machine.start({ env: ours });
  const cannot = new Failure("UNAVAILABLE", "Cannot list the processes");
  const isBlind = () => machine.clock.now() % 1000 < 500;
  const { ended } = await end({
    find: async () => {
      if (isBlind()) throw cannot;
      return (await machine.list()).filter((entry) => entry.pid === pid);
    },
    signalOne: (identity, signal) => {
      if (machine.clock.now() < 1500) throw cannot;
      return machine.signalOne(identity, signal);
    },
  });
  expect(ended).toMatchObject([{ pid, how: "SIGTERM" }]);
  expect(machine.signals).toEqual([`${pid} SIGTERM`]);
  const blind = end({ find: () => Promise.reject(cannot) });
  await expect(blind).rejects.toBe(cannot);
});

it("gives the whole grace period also to those that it could not see for a while (R3.4)", async () => {
  const { pid } = machine.start({ env: ours, onSignal: ignores });
  const signalled: string[] = [];
  const { ended } = await end({
    killAfterMs: 1500,
    find: async () => {
      if (machine.clock.now() < 2000) throw new Failure("IO", "Cannot list the processes");
      return (await machine.list()).filter((entry) => entry.pid === pid);
    },
    signalOne: (identity, signal) => {
      signalled.push(`${signal} ${machine.clock.now()}`);
      return machine.signalOne(identity, signal);
    },
  });
  expect(signalled).toEqual(["SIGTERM 2000", "SIGSTOP 3500", "SIGKILL 3500"]);
  expect(ended).toMatchObject([{ pid, how: "SIGKILL" }]);
});

it("says of what went by itself that it exited", async () => {
  const { pid } = machine.start({ env: ours });
  const { ended } = await end({
    signalOne: (identity, signal) => {
      machine.end(pid);
      return machine.signalOne(identity, signal);
    },
  });
  expect(ended).toMatchObject([{ pid, how: "exited" }]);
  expect(machine.signals).toEqual([]);
});

it("never signals another process that has the PID by now (R0.3)", async () => {
  const { pid } = machine.start({ env: ours });
  let innocent: FakeProcess | undefined;
  const { ended } = await end({
    signalOne: (identity, signal) => {
      machine.end(pid);
      innocent = machine.start({ pid });
      return machine.signalOne(identity, signal);
    },
  });
  expect(ended).toMatchObject([{ pid, how: "exited" }]);
  expect(machine.signals).toEqual([]);
  expect(machine.processes.get(pid)).toBe(innocent);
});

it("counts zombies as gone", async () => {
  const parent = machine.start({ env: ours, onSignal: (_, process) => (process.state = "zombie") });
  const { ended, survivors } = await end();
  expect(ended).toMatchObject([{ pid: parent.pid, how: "SIGTERM" }]);
  expect(survivors).toEqual([]);
});

it("names at once who may not be signalled, when all others are gone", async () => {
  const foreign = machine.start({ env: ours, uid: 0 });
  machine.start({ env: ours });
  const { ended, survivors } = await end({ killAfterMs: 100 });
  expect(ended).toHaveLength(1);
  expect(survivors.map(({ pid }) => pid)).toEqual([foreign.pid]);
  expect(machine.clock.now()).toBeLessThan(500);
});

it("gives up on what does not die of SIGKILL after five seconds", async () => {
  const { pid } = machine.start({ env: ours });
  const { survivors } = await end({ killAfterMs: 0, signalOne: () => "signalled" });
  expect(survivors.map((process) => process.pid)).toEqual([pid]);
  expect(machine.clock.now()).toBeGreaterThanOrEqual(5000);
  expect(machine.clock.now()).toBeLessThan(5100);
});

it("asks by a stop command first: who goes by it gets no signal, and is named (R3.4)", async () => {
  const polite = machine.start({ env: ours });
  const deaf = machine.start({ env: ours });
  const stopCommand = async (): Promise<void> => {
    expect(machine.signals).toEqual([]);
    machine.end(polite.pid);
  };
  const { ended } = await end({ stopCommand });
  expect(ended).toMatchObject([
    { pid: polite.pid, how: "stop_command" },
    { pid: deaf.pid, how: "SIGTERM" },
  ]);
  expect(machine.signals).toEqual([`${deaf.pid} SIGTERM`]);
});

it("runs no stop command when there is nothing to end", async () => {
  let runs = 0;
  const stopCommand = async (): Promise<void> => void (runs += 1);
  expect(await end({ stopCommand })).toEqual({ ended: [], survivors: [] });
  expect(runs).toBe(0);
});

it("gives who is left its whole grace period after the stop command, however long that took", async () => {
  const stubborn = machine.start({ env: ours, onSignal: ignores });
  let killedAtMs = 0;
  machine.onTick = () => machine.processes.has(stubborn.pid) && (killedAtMs = machine.clock.now());
  const { ended } = await end({ killAfterMs: 1500, stopCommand: () => machine.clock.sleep(1000) });
  expect(ended).toMatchObject([{ pid: stubborn.pid, how: "SIGKILL" }]);
  expect(killedAtMs).toBe(2500);
});
