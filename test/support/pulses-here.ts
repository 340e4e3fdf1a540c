import { nativeLocks } from "../../src/lock/native.ts";

/** False where the native part cannot be loaded, as in the row `lease` of `npm run test:matrix`: there are only leases. */
export const hasKernelPulse = !(nativeLocks() instanceof Error);

/** Why there is none, for the test that is skipped. */
export const whyNoNativePart = "the native part cannot be loaded here";

/** The pulses that locks can have on this machine. */
export const pulsesHere: readonly ["kernel" | "lease", ..."lease"[]] = hasKernelPulse ? ["kernel", "lease"] : ["lease"];
