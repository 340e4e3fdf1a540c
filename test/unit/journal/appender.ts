import { Journal } from "../../../src/journal/journal.ts";

/*
 * A program: appends events to the log at argv[2], argv[4] of them, each naming argv[3] and its number, with a text of
 * argv[5] characters. Waits for a line on stdin, so that several begin together. Exits 3 and prints the code when an
 * event cannot be appended.
 */
const [, , path = "", name = "", count = "0", length = "0"] = process.argv;
const journal = new Journal(path);

function appendAll(): void {
  for (let number = 1; number <= Number(count); number += 1) {
    journal.append({
      event: "cleaned",
      lock: "session",
      what: `${name} ${number}`,
      why: "é".repeat(Number(length)),
      result: "none",
    });
  }
}

process.stdin.once("data", () => {
  process.stdin.destroy();
  try {
    appendAll();
  } catch (error) {
    process.exitCode = 3;
    process.stdout.write(`${(error as { code?: string }).code ?? "bug"}: ${(error as Error).message}\n`);
  }
});
process.stdout.write("ready\n");
