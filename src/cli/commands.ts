import { cleanupCommand } from "./commands/cleanup.ts";
import { joinCommand } from "./commands/join.ts";
import { leaveCommand } from "./commands/leave.ts";
import { listCommand } from "./commands/list.ts";
import { logsCommand } from "./commands/logs.ts";
import { runCommand } from "./commands/run.ts";
import { startCommand } from "./commands/start.ts";
import { statsCommand } from "./commands/stats.ts";
import { statusCommand } from "./commands/status.ts";
import { stopCommand } from "./commands/stop.ts";
import { waitCommand } from "./commands/wait.ts";
import { watchCommand } from "./commands/watch.ts";

/**
 * Every command, loaded together: they share nearly all they need, and one file is read faster than the ten that a
 * file for each would split into.
 */
export const commands = {
  cleanup: cleanupCommand,
  join: joinCommand,
  leave: leaveCommand,
  list: listCommand,
  logs: logsCommand,
  run: runCommand,
  start: startCommand,
  stats: statsCommand,
  status: statusCommand,
  stop: stopCommand,
  wait: waitCommand,
  watch: watchCommand,
};
