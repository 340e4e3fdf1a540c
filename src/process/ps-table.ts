import { Failure } from "../failure.ts";
import type { ProcessEntry, ProcessTable } from "./table.ts";

export class PsTable implements ProcessTable {
  list(): Promise<readonly ProcessEntry[]> {
    throw new Failure("UNAVAILABLE", "to come");
  }
  environmentOf(_pid: number): Promise<ReadonlyMap<string, string> | null> {
    throw new Failure("UNAVAILABLE", "to come");
  }
  workingDirectoryOf(_pid: number): Promise<string | null> {
    throw new Failure("UNAVAILABLE", "to come");
  }
}
