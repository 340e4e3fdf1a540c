import type { Failure } from "../../failure.ts";
import { unsafeCharacters } from "../../home/names.ts";
import type { AnyEvent } from "../../journal/event.ts";
import type { AllLocks } from "../../session/all-locks.ts";
import type { CleanupAction } from "../../session/cleanup-action.ts";
import type { Client } from "../../session/clients.ts";
import type { Check } from "../../session/doctor-check.ts";
import type { Joined } from "../../session/join.ts";
import type { Listing } from "../../session/list.ts";
import type { Sent } from "../../session/send-text.ts";
import type { Queued, Started } from "../../session/start.ts";
import type { Stats } from "../../session/stats.ts";
import type { Status } from "../../session/status.ts";
import type { Stopped } from "../../session/stop.ts";
import { inOneLine } from "../../session/trouble.ts";
import type { Waited } from "../../session/wait.ts";
import {
  actionDocument,
  checkDocument,
  clientDocument,
  endDocument,
  errorDocument,
  listDocument,
  rounded,
  sessionDocument,
  statusDocument,
  stopDocument,
  type Fields,
} from "./json-documents.ts";
import { LiveLines } from "./live-lines.ts";
import type { LiveView } from "./live-view.ts";
import type { Initialised, OutputChunk, Presenter, PresenterOptions, WaitingNotice } from "./presenter.ts";
import { statsDocument } from "./stats-document.ts";
import { WaitingPace } from "./waiting-pace.ts";

/** The version of the documents: raised when a field goes or changes its meaning, not when one is added. */
const schemaVersion = 1;

/**
 * The presenter for programs. Each call is one document on one line of stdout; talk (progress, notes) goes to stderr,
 * as JSON too, one document a line. `schema/output/` describes each.
 */
export class JsonPresenter implements Presenter {
  readonly #options: PresenterOptions;
  readonly #pace = new WaitingPace();

  constructor(options: PresenterOptions) {
    this.#options = options;
  }

  started({ session, token, joined }: Started): void {
    this.#answer({ joined, queued: false, token, session: sessionDocument(session) });
  }

  queued({ session, position, holder, alsoHeldBy }: Queued): void {
    const waits = { position, holder, also_held_by: alsoHeldBy };
    this.#answer({ joined: false, queued: true, token: null, session: sessionDocument(session), ...waits });
  }

  joined({ active, where, client, clients }: Joined): void {
    this.#answer({
      token: active.claim.number,
      orphaned: active.orphaned,
      where,
      session: sessionDocument(active.session),
      client: clientDocument(client),
      active_clients: clients.length,
      clients: clients.map(clientDocument),
    });
  }

  sent({ session, lines }: Sent): void {
    this.#answer({ session: { id: session.id, uid: session.uid }, lines });
  }

  left(session: string | null, clients: readonly Client[]): void {
    this.#answer({ session, count: clients.length, left: clients.map(clientDocument) });
  }

  stopped(result: Stopped): void {
    this.#answer(stopDocument(result));
  }

  status(result: Status): void {
    this.#answer(this.#statusDocument(result));
  }

  allLocks({ locks, trouble }: AllLocks): void {
    this.#answer({ locks: locks.map((each) => this.#statusDocument(each)), problems: trouble.map(inOneLine) });
  }

  live(): Promise<LiveView> {
    const lines = new LiveLines({
      documentOf: (result) => this.#statusDocument(result),
      answer: (document) => this.#answer(document),
      note: (text) => this.note(text),
    });
    return Promise.resolve(lines);
  }

  listed(listing: Listing): void {
    this.#answer(listDocument([listing]));
  }

  listedEverywhere(listings: readonly Listing[], trouble: readonly Failure[]): void {
    this.#answer(listDocument(listings, trouble));
  }

  stats(result: Stats): void {
    this.#answer(statsDocument(result));
  }

  cleaned(actions: readonly CleanupAction[], dryRun: boolean): void {
    this.#answer({
      dry_run: dryRun,
      count: actions.filter(({ result }) => result !== "failed" && result !== "named").length,
      failed: actions.filter(({ result }) => result === "failed").length,
      actions: actions.map((action) => actionDocument(action, this.#options.invocation)),
    });
  }

  swept(action: CleanupAction): void {
    this.#answer({ action: actionDocument(action, this.#options.invocation) });
  }

  waited({ session, end, nextCursor, skippedBytes = 0 }: Waited, until: string): void {
    this.#answer({
      until,
      session: session === null ? null : sessionDocument(session),
      end: end === null ? null : endDocument(end),
      ...(nextCursor === undefined ? {} : { next_cursor: nextCursor, skipped_bytes: skippedBytes }),
    });
  }

  initialised({ path, command }: Initialised): void {
    this.#answer({ path, command });
  }

  examined(checks: readonly Check[]): void {
    const count = (state: Check["state"]) => checks.filter((check) => check.state === state).length;
    const documents = checks.map((check) => checkDocument(check, this.#options.invocation));
    this.#answer({ failed: count("failed"), warnings: count("warning"), checks: documents });
  }

  completion(shell: string, text: string): void {
    this.#answer({ shell, text });
  }

  events(events: readonly AnyEvent[], follow: boolean): void {
    if (follow) for (const event of events) this.#answer({ event });
    else this.#answer({ count: events.length, events });
  }

  output({ session: { id, uid }, text, fromByte, nextCursor, skippedBytes, eof }: OutputChunk): void {
    const place = { from_byte: fromByte, next_cursor: nextCursor, skipped_bytes: skippedBytes };
    this.#answer({ session: { id, uid }, text, ...place, eof });
  }

  waiting(notice: WaitingNotice): void {
    if (!this.#pace.isDue(notice)) return;
    const { id, position, holder, alsoHeldBy, waitedSeconds } = notice;
    const waited = rounded(waitedSeconds);
    this.#talk({ event: "waiting", id, position, waited_seconds: waited, holder, also_held_by: alsoHeldBy });
  }

  waitingOver(): void {
    this.#pace.reset();
  }

  note(text: string): void {
    this.#talk({ event: "note", text });
  }

  failure(failure: Failure): void {
    const error = errorDocument(failure, this.#options.invocation);
    this.#options.stdout.write(oneLine({ schema_version: schemaVersion, ok: false, error }));
  }

  #statusDocument(result: Status): Fields {
    return statusDocument(result, this.#options.now?.() ?? new Date());
  }

  #answer(fields: Fields): void {
    this.#options.stdout.write(oneLine({ schema_version: schemaVersion, ok: true, ...fields }));
  }

  #talk(fields: Fields): void {
    if (this.#options.quiet) return;
    this.#options.stderr.write(oneLine({ schema_version: schemaVersion, ...fields }));
  }
}

/**
 * A document on one line that is safe to look at; a parser reads the very text it was made from. JSON itself spells out C0
 * and lone surrogates, and lets pass the others that a terminal may act on.
 */
function oneLine(document: Fields): string {
  const json = JSON.stringify(document).replaceAll(unsafeCharacters, (character) => {
    return String.raw`\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
  return `${json}\n`;
}
