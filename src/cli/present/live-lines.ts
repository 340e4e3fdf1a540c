import type { Status } from "../../session/status.ts";
import { changeKey } from "./change-key.ts";
import type { Fields } from "./json-documents.ts";
import type { LiveFrame, LiveView } from "./live-view.ts";

export interface LiveLinesOptions {
  readonly documentOf: (status: Status) => Fields;
  readonly answer: (document: Fields) => void;
  readonly note: (text: string) => void;
}

/** `status --watch` for programs: a document at first, and one whenever something changed. */
export class LiveLines implements LiveView {
  readonly showsOutput = false;
  readonly #options: LiveLinesOptions;
  #last = "";
  #said: LiveFrame["said"] = null;

  constructor(options: LiveLinesOptions) {
    this.#options = options;
  }

  open(): void {
    // Nothing has to be prepared, and a program presses no keys.
  }

  show({ status, said }: LiveFrame): void {
    if (said instanceof Error && said !== this.#said) this.#options.note(said.message);
    this.#said = said;
    const document = this.#options.documentOf(status);
    const key = changeKey(document);
    if (key === this.#last) return;
    this.#last = key;
    this.#options.answer(document);
  }

  close(): void {
    // As above.
  }
}
