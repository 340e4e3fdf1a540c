import { describe, expect, it } from "vitest";
import { closest } from "../../../src/home/closest.ts";

describe("closest", () => {
  const keys = ["command", "kind", "stop_command", "match", "pid_file"];

  it.each([
    ["comand", "command"],
    ["comamnd", "command"],
    ["stopCommand", "stop_command"],
    ["stop-command", "stop_command"],
    ["PID_FILE", "pid_file"],
    ["knid", "kind"],
  ])("takes %s for %s", (word, meant) => {
    expect(closest(word, keys)).toBe(meant);
  });

  it.each(["", "x", "colour", "commandments", "pid"])("takes %j for nothing", (word) => {
    expect(closest(word, keys)).toBeNull();
  });
});
