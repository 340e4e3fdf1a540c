import type { Stats } from "../../../src/session/stats.ts";

const longest = { id: "monday", uid: "01jyx0", lock: "session", seconds: 18_420, endedAt: "2025-06-29T09:40:23.000Z" };
const noSessions = {
  sessions: 0,
  live: 0,
  averageSeconds: null,
  longest: null,
  ended: new Map<string, number>(),
  failed: 0,
  unknown: 0,
  orphaned: 0,
};
const oneDay = {
  ...noSessions,
  sessions: 14,
  live: 2,
  averageSeconds: 1532.25,
  longest,
  ended: new Map([
    ["exited", 9],
    ["stopped", 2],
    ["max_time", 1],
  ]),
  failed: 2,
  unknown: 1,
};

export const stats: Stats = {
  locks: ["session", "nightly"],
  days: [
    { ...noSessions, from: new Date("2025-06-27T00:00:00Z") },
    { ...oneDay, from: new Date("2025-06-28T00:00:00Z"), live: 0, sessions: 12 },
    { ...oneDay, from: new Date("2025-06-29T00:00:00Z"), orphaned: 3 },
  ],
  total: { ...oneDay, sessions: 26, orphaned: 3 },
  live: [
    { id: "old", uid: "01jyx1", lock: "nightly", state: "orphaned", activeSeconds: 18 * 86_400 },
    { id: "my_test_session", uid: "01jyx2", lock: "session", state: "active", activeSeconds: 1198 },
  ],
  maxOrphans: null,
};

export const noStats: Stats = { ...stats, days: stats.days.slice(0, 1), total: noSessions, live: [] };
