import { hasPs } from "./has-ps.ts";
import { whyNoPidNamespace } from "./pid-namespace.ts";
import { hasKernelPulse, whyNoNativePart } from "./pulses-here.ts";
import { asSomebody } from "./somebody.ts";

/** What this machine has not that some tests need: why they are skipped. Nothing on a usual one. */
export function lacking(): readonly string[] {
  return [
    ...(process.platform === "linux" ? [] : ["this is not Linux"]),
    ...(process.getuid?.() === 0 ? [] : ["not run as root"]),
    ...(hasKernelPulse ? [] : [whyNoNativePart]),
    ...(hasPs ? [] : ["ps is not here"]),
    ...(whyNoPidNamespace === null ? [] : [whyNoPidNamespace]),
    ...(asSomebody === null ? ["nobody can become another user here"] : []),
  ];
}
