import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Failure } from "../../../src/failure.ts";
import { exitInPane, type WatchedPane } from "../../../src/keeper/pane-exit.ts";
import { selfIdentity, signalProcess } from "../../../src/process/identity.ts";
import { paneEnd, paneState } from "../../../src/tmux/agent-pane.ts";
import type { TmuxClient } from "../../../src/tmux/tmux-client.ts";

/* A tmux that does not notice that what ran in its pane is gone, as 3.3a at times. */

vi.mock(import("../../../src/tmux/agent-pane.ts"), async (original) => ({
  ...(await original()),
  paneEnd: vi.fn(),
  paneState: vi.fn(),
}));
vi.mock(import("../../../src/process/identity.ts"), async (original) => ({
  ...(await original()),
  signalProcess: vi.fn(() => "signalled" as const),
}));

const alive = { isDead: false, code: null, signal: null };
const server = { ...selfIdentity(), pid: 4711 };
const gone = { ...selfIdentity(), started: "0" };
const watched: WatchedPane = { pane: "%0", server, agent: gone, everySecond: () => () => undefined };
const client = {} as TmuxClient;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["hrtime", "setTimeout", "clearTimeout"] });
  vi.mocked(paneState).mockResolvedValue(alive);
  vi.mocked(signalProcess).mockClear();
});
afterEach(() => vi.useRealTimers());

describe("the exit of an agent in a pane", () => {
  it("is not known when tmux has not noticed for five seconds, whatever it has told", async () => {
    vi.mocked(paneEnd).mockResolvedValue();
    const told = vi.fn();
    void exitInPane(client, watched).then(told);
    await vi.advanceTimersByTimeAsync(4_900);
    expect(told).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(200);
    expect(told).toHaveBeenCalledWith(expect.objectContaining({ code: null, signal: null }));
  });

  it("comes as soon as tmux is made to look by a SIGCHLD", async () => {
    vi.mocked(paneEnd).mockReturnValue(new Promise(() => undefined));
    vi.mocked(signalProcess).mockImplementation((identity, signal) => {
      if (identity === server && signal === "SIGCHLD")
        vi.mocked(paneState).mockResolvedValue({ ...alive, isDead: true, code: 3 });
      return "signalled";
    });
    const exit = exitInPane(client, watched);
    await vi.advanceTimersByTimeAsync(100);
    expect(await exit).toMatchObject({ code: 3, signal: null });
  });

  it("is waited for all the same while nobody can look at tmux's own process", async () => {
    vi.mocked(paneEnd).mockReturnValue(new Promise(() => undefined));
    vi.mocked(signalProcess).mockImplementation(() => {
      throw new Failure("IO", "Cannot look at a process");
    });
    const exit = exitInPane(client, watched);
    await vi.advanceTimersByTimeAsync(100);
    vi.mocked(paneState).mockResolvedValue({ ...alive, isDead: true, code: 7 });
    await vi.advanceTimersByTimeAsync(100);
    expect(await exit).toMatchObject({ code: 7 });
  });

  it("is waited for all the same where tmux's own process is not known: nobody is signalled", async () => {
    vi.mocked(paneEnd).mockReturnValue(new Promise(() => undefined));
    const exit = exitInPane(client, { ...watched, server: null });
    await vi.advanceTimersByTimeAsync(1_000);
    vi.mocked(paneState).mockResolvedValue({ ...alive, isDead: true, code: 5 });
    await vi.advanceTimersByTimeAsync(100);
    expect(await exit).toMatchObject({ code: 5 });
    expect(signalProcess).not.toHaveBeenCalled();
  });

  it("is asked for again when tmux has not answered once", async () => {
    vi.mocked(paneEnd).mockResolvedValue();
    const here = { ...watched, server: selfIdentity() };
    vi.mocked(paneState).mockResolvedValueOnce(null);
    vi.mocked(paneState).mockResolvedValue({ ...alive, isDead: true, code: 0 });
    const exit = exitInPane(client, here);
    await vi.advanceTimersByTimeAsync(100);
    expect(await exit).toMatchObject({ code: 0 });
  });

  it.each([
    ["its pane is gone", "gone", selfIdentity()],
    ["tmux does not answer, and is dead", null, gone],
  ] as const)("is not known at once when %s", async (_, state, tmux) => {
    vi.mocked(paneEnd).mockResolvedValue();
    vi.mocked(paneState).mockResolvedValue(state);
    const exit = exitInPane(client, { ...watched, server: tmux });
    await vi.advanceTimersByTimeAsync(1);
    expect(await exit).toMatchObject({ code: null, signal: null });
  });

  it("is given up when tmux lives and does not answer for five seconds, of an agent nobody has seen, too", async () => {
    vi.mocked(paneEnd).mockReturnValue(new Promise(() => undefined));
    vi.mocked(paneState).mockResolvedValue(null);
    const told = vi.fn();
    void exitInPane(client, { ...watched, agent: null, server: selfIdentity() }).then(told);
    await vi.advanceTimersByTimeAsync(4_900);
    expect(told).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(200);
    expect(told).toHaveBeenCalledWith(expect.objectContaining({ code: null }));
  });

  it("is waited for on when tmux answers again, of an agent nobody has seen, too", async () => {
    vi.mocked(paneEnd).mockReturnValue(new Promise(() => undefined));
    vi.mocked(paneState).mockResolvedValueOnce(null);
    const told = vi.fn();
    void exitInPane(client, { ...watched, agent: null, server: selfIdentity() }).then(told);
    await vi.advanceTimersByTimeAsync(6_000);
    expect(told).not.toHaveBeenCalled();
    vi.mocked(paneState).mockResolvedValue({ ...alive, isDead: true, code: 0 });
    await vi.advanceTimersByTimeAsync(100);
    expect(told).toHaveBeenCalledWith(expect.objectContaining({ code: 0 }));
  });
});
