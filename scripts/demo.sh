#!/bin/sh
# SPDX-License-Identifier: MIT
# scripts/demo.sh BUILD: the whole main job on one machine: a labelled fleet, models, then a live fleet
# with predictions on port 5001 until Ctrl-C. A program that ends is started again. All
# state is in ./demo, or DEMO_STATE (remove it to start over). DEMO_SECONDS=20 stops by itself and fails unless every battery is live and predicted.
# Who has the token in demo/token, which is made once and is in the address shown, may acknowledge alerts; all on this machine may read.
# API_PORT, METRICS_PORT, TELEMETRY_INTERVAL and PREDICTION_INTERVAL work as in the tools.
set -eu
umask 077
bin=$(cd "${1:?usage: scripts/demo.sh BUILD_FOLDER}" && pwd)
[ -x "$bin/evtwin-sim" ] || bin=$bin/tools
cd "$(dirname "$0")/.."
state=${DEMO_STATE:-demo} n_live=12 running='' watcher='' minute=0 n_revived=0 api_port=${API_PORT:-5001}
metrics_port=${METRICS_PORT:-9100} interval=${TELEMETRY_INTERVAL:-2} seconds=${DEMO_SECONDS:-0}
say() { printf 'demo: %s\n' "$*"; }
die() { say "$*" >&2; exit 1; }
alive() { kill -0 "$1" 2>/dev/null; }
python=$(command -v python3) || python=: # without it a plain demo has no status lines

[ -x "$bin/evtwin-serve" ] || die "$bin/evtwin-serve is not built; run make build first"
[ "$seconds" = 0 ] || [ $python != : ] || die "DEMO_SECONDS needs python3 (apt install python3)"
mkdir -p $state && chmod 700 $state && echo '*' >$state/.gitignore
exec 9>$state/lock # the children inherit it: it is free when the last of them has ended
flock -n 9 || die "another demo runs in $PWD/$state; stop it first"
"$python" tests/long/demo.py check "$api_port" "$metrics_port" "$seconds" || exit 1

# a run-to-failure data set and models, made once per version; the hashes in a bundle are checked by
# predicting three rows with it
made="$("$bin/evtwin-sim" --version), fleet 200 seed 1, records of 10 days at daily moments, recipe history"
if [ "$(cat $state/made-by 2>/dev/null)" = "$made" ] && head -n 4 $state/fleet.csv >$state/check.csv &&
    "$bin/evtwin-predict" -q --models $state/models --csv $state/check.csv --out $state/check.csv 2>/dev/null; then
    say "using the models of an earlier run ($state/models; remove $state to make new ones)"
else
    rm -rf $state/made-by $state/models $state/fleet.csv
    began=$(date +%s)
    say "simulating 200 cars from new to the end of their batteries"
    "$bin/evtwin-sim" --until-eol --record-days 10 --moments daily --fleet 200 --seed 1 --csv $state/fleet.csv # as the live cars report
    say "training on them"
    "$bin/evtwin-train" $state/fleet.csv --recipe history --eol-soh 80 --out $state/models --seed 1
    printf '%s\n' "$made" >$state/made-by
    say "data set and training took $(($(date +%s) - began)) s"
fi

[ -s $state/token ] || od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >$state/token # mode 600, by the umask

start() { # in a session of its own, so that Ctrl-C reaches only this script, which stops them in order
    case $1 in
    evtwin-sim) set -- "$1" --fleet $n_live --soh 99:79 --use daily --start 2024-01-01T07:00:00Z --speed 600 --seed 7 \
        --interval "$interval" --sink sqlite:$state/evtwin.db ;; # the use that the models were trained on
    evtwin-predict) set -- "$1" --models $state/models --store sqlite:$state/evtwin.db \
        --interval "${PREDICTION_INTERVAL:-1}" --explain 3 --metrics-port "$metrics_port" ;;
    evtwin-serve) set -- "$1" --store sqlite:$state/evtwin.db --port "$api_port" --token-file $state/token --open-reads --alerts ;;
    esac
    setsid "$bin/$@" >>$state/"$1".log 2>&1 &
    pid=$!
}
# NAME PID: it has ended; not more than five times a minute, which would help nobody
revive() {
    code=0
    wait "$2" 2>/dev/null || code=$?
    tail -n 1 $state/"$1".log >&2
    now=$(date +%s)
    [ $((now - minute)) -lt 60 ] || minute=$now n_revived=0
    n_revived=$((n_revived + 1))
    [ $n_revived -le 5 ] || die "$1 ended with code $code, after five new starts within a minute; the demo stops"
    say "$1 ended with code $code; starting it again"
    start "$1"
    running=$(echo "$running" | sed "s/$1:$2/$1:$pid/")
}
stop_all() {
    trap 'for item in $running; do kill -KILL ${item#*:} 2>/dev/null || true; done; exit 130' INT TERM
    trap - EXIT
    kill "$watcher" 2>/dev/null || true
    for item in $running; do
        pid=${item#*:} code=0
        kill -TERM "$pid" 2>/dev/null || true
        tries=60
        while [ $tries -gt 0 ] && alive "$pid"; do sleep 0.5 && tries=$((tries - 1)) || true; done
        kill -KILL "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || code=$?
        say "${item%:*} stopped$([ $code -eq 0 ] || echo " with code $code, see $state/${item%:*}.log")"
    done
}
finish() { stop_all; say "stopped; the data set, models and database stay in $state"; exit 0; }

rm -f $state/check.csv $state/evtwin.db $state/evtwin.db-* $state/*.log # so that no old row is shown as live
trap stop_all EXIT
trap finish INT TERM
for name in evtwin-sim evtwin-predict evtwin-serve; do
    start $name
    running="$running $name:$pid"
done
say "$n_live batteries, new to nearly worn out, a day in two and a half minutes"
say "open http://localhost:$api_port/login#$(cat $state/token) (Ctrl-C stops)"
"$python" tests/long/demo.py fleet "$api_port" $state/token $n_live "$interval" "$seconds" &
watcher=$!
while [ "$seconds" = 0 ] || alive "$watcher"; do
    for item in $running; do
        alive "${item#*:}" || revive "${item%:*}" "${item#*:}"
    done
    sleep 1 || true
done
wait "$watcher" && finish
