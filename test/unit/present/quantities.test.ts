import { afterEach, describe, expect, it, vi } from "vitest";
import { alignColumns } from "../../../src/cli/present/columns.ts";
import { commandText } from "../../../src/cli/present/command-line.ts";
import { cutToWidth, displayWidth } from "../../../src/cli/present/display-width.ts";
import { onThisLock } from "../../../src/cli/present/on-this-lock.ts";
import { plain } from "../../../src/cli/present/paint.ts";
import { bytesText, durationText, momentText, timestampText } from "../../../src/cli/present/quantities.ts";

const style = { paint: plain, now: new Date(), cwd: "/", verbose: false, invocation: "holdfast", env: {} };

afterEach(() => void vi.unstubAllEnvs());

describe("durationText", () => {
  it.each([
    [0, "0ms"],
    [0.4321, "432ms"],
    [1.999, "1s"],
    [59.999, "59s"],
    [1198, "19m 58s"],
    [3600, "1h"],
    [86_400 * 18 + 3 * 3600 + 59, "18d 3h"],
    [-5, "0ms"],
    [Number.NaN, "an unknown time"],
  ])("%d seconds are %s", (seconds, text) => {
    expect(durationText(seconds)).toBe(text);
  });
});

describe("bytesText", () => {
  it.each([
    [0, "0 B"],
    [99, "99 B"],
    [11_000_000, "11.0 MB"],
    [29_100_000, "29.1 MB"],
    [512_000, "512 kB"],
    [1_700_000, "1.70 MB"],
    [999_999, "1.00 MB"],
    [1_250_000_000, "1.25 GB"],
    [-1, "0 B"],
  ])("%d bytes are %s", (bytes, text) => {
    expect(bytesText(bytes)).toBe(text);
  });

  it("does without Intl, which takes 9 ms to begin", () => {
    const toLocaleString = vi.spyOn(Number.prototype, "toLocaleString");
    bytesText(11_000_000);
    durationText(1198.5);
    expect(toLocaleString).not.toHaveBeenCalled();
    toLocaleString.mockRestore();
  });
});

describe("momentText", () => {
  it("leaves out the date when it is today's, where the reader is", () => {
    const moment = "2025-06-28T23:30:00Z";
    vi.stubEnv("TZ", "UTC");
    expect(momentText(moment, new Date("2025-06-29T00:30:00Z"))).toBe("2025-06-28 23:30:00");
    vi.stubEnv("TZ", "Europe/Berlin");
    expect(momentText(moment, new Date("2025-06-29T00:30:00Z"))).toBe("01:30:00");
  });

  it("shows a dash for what is no time", () => {
    expect(timestampText("yesterday")).toBe("-");
  });
});

describe("displayWidth", () => {
  it.each([
    ["", 0],
    ["abc", 3],
    ["naïve", 5],
    ["e\u0301", 1],
    ["ночь", 4],
    ["🔒 a", 4],
    ["日本語", 6],
    ["한국", 4],
    ["ｱ", 1],
    ["ﾊﾞｰ", 3],
    ["Ａ", 2],
    ["サーバー・ﾎ", 11],
    ["㈱ㄅ〈", 6],
    ["\u1112\u1161\u11ab", 2],
    ["ﾡ", 1],
    ["𠀀", 2],
  ])("%j takes %d columns", (text, columns) => {
    expect(displayWidth(text)).toBe(columns);
  });

  it("cuts by columns, not by characters", () => {
    expect(cutToWidth("日本語です", 10)).toBe("日本語です");
    expect(cutToWidth("日本語です", 9)).toBe("日本語で…");
    expect(cutToWidth("日本語です", 8)).toBe("日本語…");
    expect(cutToWidth("a very long line", 8, "...")).toBe("a ver...");
  });

  it("aligns columns by it", () => {
    expect(
      alignColumns([
        ["日本", "x"],
        ["a", "y", "z"],
      ]),
    ).toEqual(["日本  x", "a     y  z"]);
  });
});

describe("commandText", () => {
  it.each([
    [["node", "engine.js"], "node engine.js"],
    [["sh", "-c", "a && b"], "sh -c 'a && b'"],
    [["echo", "it's", ""], String.raw`echo 'it'\''s' ''`],
    [["a\u001Bb"], String.raw`'a\x1bb'`],
  ])("%j can be typed as %s", (command, text) => {
    expect(commandText(command, style)).toBe(text);
  });

  it("is cut, unless everything was asked for", () => {
    const long = "x".repeat(500);
    expect(displayWidth(commandText([long], style))).toBe(120);
    expect(commandText([long], { ...style, verbose: true })).toBe(long);
  });
});

describe("onThisLock", () => {
  it.each([
    ["holdfast stop a", "holdfast --lock $& stop a"],
    ["holdfast", "holdfast --lock $&"],
    ["holdfast --lock NAME run …", "holdfast --lock NAME run …"],
    ["npm install", "npm install"],
    ["holdfast start b -- ls -l x", "holdfast --lock $& start b -- ls -l x"],
    ["HOLDFAST_STATE_DIR=/a/b holdfast stop a", "HOLDFAST_STATE_DIR=/a/b holdfast --lock $& stop a"],
    [String.raw`A=1 B='it'\''s 2' holdfast stop a`, String.raw`A=1 B='it'\''s 2' holdfast --lock $& stop a`],
    ["A=holdfast rm x", "A=holdfast rm x"],
  ])("%s becomes %s", (command, typed) => {
    expect(onThisLock(command, "holdfast --lock $&")).toBe(typed);
  });
});
