import { existsSync, mkdirSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { rejectionOf } from "../../support/failure-of.ts";
import { forgeClaim } from "../../support/lock-forgery.ts";
import { lockPlace, openLock, type LockPlace } from "../../support/lock-place.ts";
import { pulsesHere } from "../../support/pulses-here.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { until } from "../../support/until.ts";

const session = { purpose: "session", info: null } as const;

function writeTicket(place: LockPlace, content: string): string {
  const path = join(place.queue, "session.1");
  mkdirSync(place.queue, { recursive: true });
  writeFileSync(path, content, { mode: 0o600 });
  return path;
}

describe.each(pulsesHere)("a ticket in the line of a lock with a %s pulse", (pulse) => {
  it("that is damaged is nobody's place: who comes after it has its turn", async () => {
    const place = lockPlace(temporaryDirectory(), pulse);
    writeTicket(place, "garbage\n");
    const lock = openLock(place);
    const { held } = await lock.acquire({ ...session, wait: { info: null } });
    expect(held?.token).toBe(1);
    await held?.release(null);
  });

  it("that was removed, and whose number is another's by then, gets another number", async () => {
    const place = lockPlace(temporaryDirectory(), pulse);
    const lock = openLock(place);
    const { held: first } = await lock.acquire(session);
    const turn = lock.acquire({ ...session, wait: { info: null } });
    const path = join(place.queue, "session.1");
    await until(() => existsSync(path));
    unlinkSync(path);
    forgeClaim({ ...place, claims: place.queue }, { purpose: "ticket" });
    await until(async () => (await lock.look()).waiters.some(({ number }) => number === 2));
    await first?.release(null);
    const { held } = await turn;
    expect(held?.token).toBe(2);
    await held?.release(null);
  });

  it("that a newer holdfast has written may be somebody's: nobody passes it, and it is named", async () => {
    const place = lockPlace(temporaryDirectory(), pulse);
    const path = writeTicket(place, '{"schema_version":2,"token":1}\n');
    const lock = openLock(place);
    const refused = await rejectionOf(lock.acquire({ ...session, wait: { info: null } }));
    expect(refused.code).toBe("DATA");
    expect(refused.message).toContain(path);
  });
});
