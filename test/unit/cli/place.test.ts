import { describe, expect, it } from "vitest";
import { placeOf } from "../../../src/cli/completion/place.ts";
import { verbs } from "../../../src/cli/verbs.ts";

describe("where on a command line something is being typed", () => {
  it.each([
    ["", { wanted: "command", typed: "" }],
    ["sta", { wanted: "command", typed: "sta" }],
    ["--lo", { wanted: "option", typed: "--lo" }],
    ["--lock ni", { wanted: "lock", typed: "ni", prefix: "" }],
    ["-l ni", { wanted: "lock", typed: "ni" }],
    ["--lock=ni", { wanted: "lock", typed: "ni", prefix: "--lock=" }],
    ["--lock = ni", { wanted: "lock", typed: "ni", prefix: "" }],
    ["--lock =", { wanted: "lock", typed: "", prefix: "" }],
    ["-l run st", { wanted: "command", typed: "st", lock: "run" }],
    ["--lock=run -C /srv stop ", { wanted: "session", typed: "", lock: "run", dir: "/srv" }],
    ["stop --lock = other ", { wanted: "session", lock: "other" }],
    ["-C ", { wanted: "file" }],
    ["stop -", { wanted: "option", typed: "-" }],
    ["stop -s T", { wanted: "signal", typed: "T" }],
    ["stop --signal=T", { wanted: "signal", typed: "T", prefix: "--signal=" }],
    ["start --stop-signal ", { wanted: "signal" }],
    ["stop --reason ", { wanted: "nothing" }],
    ["stop demo ", { wanted: "nothing" }],
    ["stop demo --", { wanted: "option", typed: "--" }],
    ["start ", { wanted: "nothing" }],
    ["start --pid-file ", { wanted: "file" }],
    ["start demo -- -", { wanted: "file", typed: "-" }],
    ["start demo -- node --lock=", { wanted: "file" }],
    ["init -- ", { wanted: "file" }],
    ["join de", { wanted: "session", typed: "de" }],
    ["logs --session ", { wanted: "any-session" }],
    ["logs ", { wanted: "nothing" }],
    ["cleanup --idle --d", { wanted: "option", typed: "--d" }],
    ["run ", { wanted: "file" }],
    ["run -n -", { wanted: "option" }],
    ["run --signal ", { wanted: "signal" }],
    ["run -n ls -", { wanted: "file", typed: "-" }],
    ["run ls --signal ", { wanted: "file", typed: "" }],
    ["completion ", { wanted: "shell" }],
    ["completion bash ", { wanted: "nothing" }],
    ["completion bash -- x", { wanted: "nothing" }],
    ["what ", { wanted: "nothing" }],
    ["what st", { wanted: "nothing" }],
  ])("%j", (line, place) => {
    expect(placeOf(line.split(" "), verbs)).toMatchObject(place);
  });

  it("knows the options of each command, the global ones and those of commander", () => {
    const namesAt = (line: string) => placeOf(line.split(" "), verbs).options.map(({ long }) => long);
    expect(namesAt("-")).toEqual(expect.arrayContaining(["--dir", "--lock", "--json", "--version", "--help"]));
    expect(namesAt("leave -")).toEqual(expect.arrayContaining(["--pid", "--as", "--lock", "--help"]));
    expect(namesAt("leave -")).not.toContain("--version");
  });
});
