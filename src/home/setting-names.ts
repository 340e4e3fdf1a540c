/** Names that the configuration's type, its schema and its readers share. */
export const hookNames = ["started", "ready", "ended", "orphaned", "queued"] as const;
export type HookName = (typeof hookNames)[number];

export const pulseChoices = ["auto", "kernel", "lease"] as const;
export type PulseSetting = (typeof pulseChoices)[number];
