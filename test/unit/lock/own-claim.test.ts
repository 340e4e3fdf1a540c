import { existsSync, readdirSync, readFileSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { describe, expect, it, vi } from "vitest";
import { ClaimDirectory } from "../../../src/lock/claim-directory.ts";
import { OwnClaim, type ClaimDraft } from "../../../src/lock/own-claim.ts";
import { openPulses } from "../../../src/lock/pulses.ts";
import { selfIdentity } from "../../../src/process/identity.ts";
import { claimPath } from "../../support/lock-files.ts";
import { lockPlace, openLock, type LockPlace } from "../../support/lock-place.ts";
import { pulsesHere } from "../../support/pulses-here.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const draft: ClaimDraft = {
  state: "held",
  purpose: "session",
  slots: 1,
  owner: selfIdentity(),
  since: "2025-06-29T10:34:03.000Z",
  info: null,
};

describe.each(pulsesHere)("a claim of this process, with a %s pulse,", (pulse) => {
  async function publish(): Promise<{ readonly place: LockPlace; readonly claim: OwnClaim }> {
    const place = lockPlace(temporaryDirectory(), pulse);
    openLock(place);
    const pulses = openPulses(place.state, pulse, place.staleMs);
    const claim = await OwnClaim.draft(new ClaimDirectory(place.claims, place.name, pulses.byKind), pulses.forNew);
    expect(claim.publish(1, draft)).toBe("published");
    claim.settle();
    return { place, claim };
  }

  it("takes back its own name only, and not what somebody else has put in its place", async () => {
    const { place, claim } = await publish();
    const path = claimPath(place, 1);
    unlinkSync(path);
    writeFileSync(path, "another's");
    claim.unpublish(1);
    expect(readFileSync(path, "utf8")).toBe("another's");
    await claim.discard();
  });

  it("may be pointed at twice, and no other name is left of it", async () => {
    const { place, claim } = await publish();
    claim.pointAt(place.link);
    claim.pointAt(place.link);
    expect(statSync(place.link).ino).toBe(statSync(claimPath(place, 1)).ino);
    expect(readdirSync(place.state).filter((name) => name.startsWith("session.lock"))).toEqual(["session.lock"]);
    await claim.discard();
  });

  it("is discarded once: its descriptor may be another file's when it is discarded again", async () => {
    const { place, claim } = await publish();
    const end = vi.spyOn(claim.beat, "end");
    await claim.discard();
    await claim.discard();
    expect(end).toHaveBeenCalledTimes(1);
    expect(existsSync(claimPath(place, 1))).toBe(true);
  });
});
