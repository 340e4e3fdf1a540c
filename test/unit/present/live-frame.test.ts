import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { toAscii } from "../../../src/cli/present/ascii.ts";
import { cutToWidth, displayWidth } from "../../../src/cli/present/display-width.ts";
import { liveFrame } from "../../../src/cli/present/live-frame.ts";
import type { LiveFrame } from "../../../src/cli/present/live-view.ts";
import { plain } from "../../../src/cli/present/paint.ts";
import { Failure } from "../../../src/failure.ts";
import { end, nothing, now, session, status } from "./samples.ts";

const output = Array.from({ length: 40 }, (_, line) => `line ${line + 1}\n`).join("");
const root = "/srv/project";
const style = { paint: plain, now, cwd: root, verbose: false, invocation: "holdfast", env: {} };

function draw(change: Partial<LiveFrame> = {}, size = { columns: 100, rows: 20 }, shown = (text: string) => text) {
  const frame: LiveFrame = { root, status, recent: status, output, said: null, asked: null, ...change };
  return liveFrame(frame, { ...size, shown }, style);
}

describe("liveFrame", () => {
  beforeAll(() => void vi.stubEnv("TZ", "UTC"));
  afterAll(() => void vi.unstubAllEnvs());

  it("is status, as much of the output as fits, and the keys (R3.5)", async () => {
    await expect(`${draw().join("\n")}\n`).toMatchFileSnapshot("../../golden/live-frame.txt");
  });

  it("is as high as the terminal and never wider, whatever its size", () => {
    for (let rows = 1; rows < 40; rows += 1) {
      for (const columns of [1, 5, 30, 80, 200]) {
        const lines = draw({ output: "日本語".repeat(100), said: "x".repeat(300) }, { columns, rows });
        expect(lines).toHaveLength(rows);
        expect(Math.max(...lines.map(displayWidth))).toBeLessThanOrEqual(columns);
        expect(lines.at(-1)).toMatch(/^(?:j|…)/);
      }
    }
  });

  it("asks in its last line, and says above it what came of a key", () => {
    expect(draw({ asked: "demo" }).at(-1)).toBe("Stop demo? y/n");
    expect(draw({ said: { kind: "session", session, end } }).at(-2)).toMatch(/^🛑 my_test_session {3}stopped by dev/);
    expect(draw({ said: new Failure("NO_SESSION", "No such session: \u001B[31m\nmore") }).at(-2)).toBe(
      String.raw`✖ No such session: \x1b[31m`,
    );
    expect(draw({ recent: nothing, output: "" })[2]).toBe("No active session");
  });

  it("shows a line of output as it stood when it was complete, and lets none of it act on the terminal", () => {
    const shown = draw({ output: "10%\r50%\r100%\r\na\tbcd\te\n日本\tx\nbell\u0007 \u009B2J\u202Eevil\n" });
    const from = shown.indexOf("last output") + 1;
    expect(shown.slice(from, from + 4)).toEqual([
      "   100%",
      "   a       bcd     e",
      "   日本    x",
      String.raw`   bell\x07 \x9b2J\u{202e}evil`,
    ]);
  });

  it.each([
    ["carriage returns", `${"\r".repeat(200_000)}x${"\r".repeat(9)}`, "   x"],
    ["tabs", `é${"\t".repeat(60_000)}`, "   é…"],
  ])("is not held up by very many %s", (_, line, drawn) => {
    const begunMs = performance.now();
    const shown = draw({ output: `${line}\n` });
    expect(shown.at(shown.indexOf("last output") + 1)).toBe(drawn);
    expect(performance.now() - begunMs).toBeLessThan(3000);
  });

  it("has ASCII where there is no Unicode, and stays narrow enough", () => {
    const lines = draw({ output: "" }, { columns: 40, rows: 20 }, toAscii);
    expect(lines.join("\n")).not.toMatch(/[^\n -~]/);
    expect(lines[2]).toMatch(/^\* my_test_session {3}.*\.\.\.$/);
    expect(Math.max(...lines.map(displayWidth))).toBeLessThanOrEqual(40);
  });
});

describe("cutToWidth, of text with colours", () => {
  const [red, bold, off] = ["\u001B[31m", "\u001B[1m", "\u001B[0m"];

  it.each([
    [`${red}abc${off}def`, 6, `${red}abc${off}def`],
    [`${red}abc${off}def`, 5, `${red}abc${off}d…`],
    [`${red}abc${off}def`, 3, `${red}ab…${off}`],
    [`${red}abc${off}${bold}def${off}`, 1, `${red}…${off}${bold}${off}`],
    ["日本語です", 8, "日本語…"],
  ])("%j in %d columns", (text, columns, cut) => {
    expect(cutToWidth(text, columns)).toBe(cut);
  });
});
