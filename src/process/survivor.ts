/**
 * Why a process was not ended:
 * - `survived_sigkill`: it did not die of SIGKILL within five seconds;
 * - `not_permitted`: it may not be signalled;
 * - `not_proven`: nothing but a claim says that it is ours, so it was not signalled;
 * - `out_of_reach`: its session ran in another PID namespace, from where it is to be ended.
 */
export const survivalReasons = ["survived_sigkill", "not_permitted", "not_proven", "out_of_reach"] as const;

export interface Survivor {
  readonly pid: number;
  readonly command: string;
  readonly why: (typeof survivalReasons)[number];
}
