type Command = readonly string[];

/** Of each pane, so many lines that were scrolled off the screen are kept: about 10 MB, where they are 200 wide. */
const historyLines = 10_000;

/** What a session of ours is like for whoever attaches to it, beside what tmux does by itself. */
export function sessionOptions(name: string): readonly Command[] {
  return [
    ["set-option", "-g", "history-limit", String(historyLines)],
    // The default of half a second is felt at each Escape, which agents take for an interrupt.
    ["set-option", "-s", "escape-time", "10"],
    // Where tmux was built with `screen` there are eight colours otherwise.
    ["if-shell", "-F", "#{==:#{default-terminal},screen}", "set-option -g default-terminal screen-256color"],
    // It would stop the tmux client alone, and leave holdfast waiting for it in front of a dead terminal.
    ["unbind-key", "-T", "prefix", "C-z"],
    ["set-option", "-g", "status-left-length", "40"],
    ["set-option", "-g", "status-left", `holdfast ${name} `],
    ["set-option", "-g", "status-right-length", "60"],
    ["set-option", "-g", "status-right", " Ctrl-b d leaves, the agent goes on "],
  ];
}

/**
 * Of the pane just made, which is the agent's. It stays when its process has ended, so that it can be asked how, and what
 * it showed. Its end is told on a channel. Where no keeper listens any more, it is the end of the server.
 *
 * What it shows is recorded as `output.log` in the server's own directory. The recorder ends when the pane does, and by
 * nothing before: signals are for the agent.
 */
export function paneOptions(channel: string, keeperPid: number): readonly Command[] {
  return [
    ["set-option", "-p", "remain-on-exit", "on"],
    ["set-hook", "-p", "pane-died[0]", `wait-for -S ${channel}`],
    ["set-hook", "-p", "pane-died[1]", `if-shell "${livesStill(keeperPid)}" "" "kill-server"`],
    ["pipe-pane", "trap '' HUP INT QUIT TERM USR1 USR2; exec cat >>output.log"],
  ];
}

/**
 * For sh. One that has given up its memory, and its arguments with it, is dead: it is about to be a zombie, or is one that
 * nobody has reaped; in containers, init may never do it.
 */
function livesStill(pid: number): string {
  return `kill -0 ${pid} && { test ! -d /proc/${pid} || grep -qs . /proc/${pid}/cmdline; }`;
}
