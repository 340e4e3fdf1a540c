#!/bin/sh
# Four CI jobs that share one machine: each runs under `holdfast run`, so that they take turns in order of arrival.
# One is cancelled while it waits, one crashes in its turn, and the line goes on.
#
#     ./ci.sh                        # with the holdfast of this checkout
#     HOLDFAST=holdfast ./ci.sh      # with an installed one
#     HOLDFAST_DIR=/tmp/ci ./ci.sh   # keeps the state there, for a look afterwards; it must exist
set -eu

here=$(cd "$(dirname "$0")" && pwd)
HOLDFAST=${HOLDFAST:-$here/../../bin/holdfast.js}

work=$(mktemp -d)
export HOLDFAST_DIR="${HOLDFAST_DIR:-$work}"
running=

clean_up() {
    # Nobody has waited for these yet, so that their PIDs cannot be anybody else's.
    for pid in $running; do kill -TERM "$pid" 2>/dev/null || true; done
    for pid in $running; do wait "$pid" || true; done
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# start_job NAME COMMAND…: what a CI configuration says is the second line. $! is the job's PID afterwards.
start_job() {
    name=$1 && shift
    # There from the beginning, for `until_logged` to look into.
    : >"$work/$name.log"
    "$HOLDFAST" run --id "$name" --wait 10m -- "$@" >>"$work/$name.log" 2>&1 &
    running="$running $!"
}

# until_logged NAME TEXT: until the job's log has the text.
until_logged() {
    tries=0
    until grep -q "$2" "$work/$1.log"; do
        tries=$((tries + 1))
        if [ "$tries" -gt 200 ]; then
            echo "ci.sh: nothing like '$2' in the log of $1:" >&2
            cat "$work/$1.log" >&2
            exit 1
        fi
        sleep 0.1
    done
}

# end_of NAME PID: waits for the job and shows its log.
end_of() {
    code=0
    wait "$2" 2>/dev/null || code=$?
    rest=
    for pid in $running; do [ "$pid" = "$2" ] || rest="$rest $pid"; done
    running=$rest
    echo "== $1: exit code $code"
    cat "$work/$1.log"
}

# `build` has the machine, until the line behind it stands.
# shellcheck disable=SC2016 # the job's own shell expands these
start_job build sh -c 'echo "building"; until [ -e "$0" ]; do sleep 0.1; done; echo "built"' "$work/line-stands"
build=$!
until_logged build building

# Each gets in line before the next one comes.
# shellcheck disable=SC2016
start_job test sh -c 'echo "testing, PID $$"; exec sleep 600'
test=$!
until_logged test waits
start_job preview echo "never printed"
preview=$!
until_logged preview waits
start_job deploy echo "deployed"
deploy=$!
until_logged deploy waits

# Somebody presses "Cancel": CI systems send SIGTERM. The job leaves the line, and `deploy` moves up.
kill -TERM "$preview"
end_of preview "$preview"
until_logged deploy '1 ahead'

# `build` ends, and `test` has the machine.
: >"$work/line-stands"
end_of build "$build"
until_logged test testing
"$HOLDFAST" --quiet wait test --until ready --timeout 20s >/dev/null

# The machine runs out of memory: `test` and its holdfast are killed, and can say nothing any more. `deploy` is next.
kill -KILL "$test" "$(sed -n 's/^testing, PID //p' "$work/test.log")"
end_of test "$test"
end_of deploy "$deploy"

echo "== what happened"
"$HOLDFAST" logs -n 100
