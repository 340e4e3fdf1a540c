#!/bin/sh
# Manages a background agent, as scripts do that one finds beside many programs: it knows its agent by a PID file.
#
#   ./manage_background_agent.sh start     start it in the background, and return when it listens
#   ./manage_background_agent.sh stop      ask it to end, and return when it is gone
#   ./manage_background_agent.sh restart
#   ./manage_background_agent.sh status    exit 0: it runs; 1: it is gone and has left its PID file; 3: it does not run
#   ./manage_background_agent.sh logs      the last lines of its log
#
# PORT is where it listens (8123). The script knows nothing of holdfast.
cd "$(dirname "$0")" || exit 1

pid_file=background_agent.pid
log_file=background_agent.log
patience=100 # tenths of a second

recorded_pid() {
  [ -f "$pid_file" ] && cat "$pid_file"
}

is_running() {
  pid=$(recorded_pid) && kill -0 "$pid" 2>/dev/null
}

# wait_until COMMAND...: fails when the command does not succeed in time.
wait_until() {
  tries=0
  until "$@"; do
    [ "$tries" -lt "$patience" ] || return 1
    tries=$((tries + 1))
    sleep 0.1
  done
}

listens_or_is_gone() {
  tail -n +"$((lines_before + 1))" "$log_file" | grep -q 'listening on' || ! is_running
}

is_gone() {
  ! is_running
}

start() {
  if is_running; then
    echo "already running (PID $pid)"
    return 1
  fi
  : >>"$log_file" # the agent opens it a moment later than it is looked at below
  lines_before=$(wc -l <"$log_file")
  nohup node ../agent/server.mjs </dev/null >>"$log_file" 2>&1 &
  echo $! >"$pid_file"
  wait_until listens_or_is_gone
  if ! is_running; then
    rm -f "$pid_file"
    echo "failed to start:"
    tail -n 3 "$log_file"
    return 1
  fi
  echo "started (PID $pid)"
}

stop() {
  if ! is_running; then
    rm -f "$pid_file"
    echo "not running"
    return 0
  fi
  kill "$pid"
  if ! wait_until is_gone; then
    echo "PID $pid does not end: killing it"
    kill -9 "$pid"
  fi
  rm -f "$pid_file"
  echo "stopped (PID $pid)"
}

status() {
  if is_running; then
    echo "running (PID $pid)"
  elif [ -f "$pid_file" ]; then
    echo "not running, but $pid_file is there"
    return 1
  else
    echo "not running"
    return 3
  fi
}

case $1 in
start) start ;;
stop) stop ;;
restart) stop && start ;;
status) status ;;
logs) tail -n 20 "$log_file" ;;
*)
  echo "usage: $0 start | stop | restart | status | logs" >&2
  exit 64
  ;;
esac
