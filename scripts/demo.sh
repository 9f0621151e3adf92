#!/bin/sh
# SPDX-License-Identifier: MIT
# scripts/demo.sh BUILD: the whole main job on one machine: a labelled fleet, models, then a live fleet
# with predictions at http://localhost:5001 until Ctrl-C. All state is in ./demo (remove it to start
# over). DEMO_SECONDS=20 stops by itself and fails unless every battery is live and predicted.
# API_PORT, METRICS_PORT, TELEMETRY_INTERVAL and PREDICTION_INTERVAL work as in the tools.
set -eu
umask 077

build=${1:?usage: scripts/demo.sh BUILD_FOLDER}
bin=$(cd "$build" && pwd)
[ -x "$bin/evtwin-sim" ] || bin=$bin/tools
cd "$(dirname "$0")/.."
state=demo
api_port=${API_PORT:-5001}
metrics_port=${METRICS_PORT:-9100}
interval=${TELEMETRY_INTERVAL:-2}
prediction_interval=${PREDICTION_INTERVAL:-1}
seconds=${DEMO_SECONDS:-0}
n_live=12
url=http://127.0.0.1:$api_port

say() { printf 'demo: %s\n' "$*"; }
die() {
    printf 'demo: %s\n' "$*" >&2
    exit 1
}

# ---- before anything takes time ----

for tool in evtwin-sim evtwin-train evtwin-predict evtwin-serve; do
    [ -x "$bin/$tool" ] || die "$bin/$tool is not built; run make first"
done
case $seconds in
'' | *[!0-9]*) die "DEMO_SECONDS: '$seconds' is not a whole number" ;;
esac
have_curl=$(command -v curl || true)
[ "$seconds" -eq 0 ] || [ -n "$have_curl" ] || die "DEMO_SECONDS needs curl (apt install curl)"

mkdir -p "$state"
chmod 700 "$state"
echo '*' >"$state/.gitignore"

# The children inherit this lock: it is free when the last of them has ended.
exec 9>"$state/lock"
flock -n 9 || die "another demo runs in $PWD/$state; stop it first"

get() { curl -s --noproxy '*' --max-time 5 "$@"; }

# curl's code 7 is "connection refused": nobody is there
port_is_free() {
    [ -z "$have_curl" ] && return 0
    code=0
    get -o /dev/null "http://127.0.0.1:$1/" || code=$?
    [ "$code" -eq 7 ]
}
port_is_free "$api_port" || die "port $api_port is in use; choose another with API_PORT=…"
[ "$metrics_port" = 0 ] || port_is_free "$metrics_port" ||
    die "port $metrics_port is in use; choose another with METRICS_PORT=… (0 = none)"

# ---- labelled lives and models, made once per version ----

recipe="$("$bin/evtwin-sim" --version)
fleet 200 seed 1"

# Whole and of this version: the bundle's hashes are checked by predicting three rows with it.
models_are_good() {
    [ -f "$state/made-by" ] && [ "$(cat "$state/made-by")" = "$recipe" ] || return 1
    head -n 4 "$state/fleet.csv" >"$state/check.csv" 2>/dev/null || return 1
    "$bin/evtwin-predict" -q --models "$state/models" --csv "$state/check.csv" \
        --out "$state/check.csv" 2>/dev/null
}

if models_are_good; then
    say "using the models of an earlier run ($state/models; remove $state to make new ones)"
else
    rm -rf "$state/made-by" "$state/models" "$state/fleet.csv"
    began=$(date +%s)
    say "simulating 200 cars from new to the end of their batteries"
    "$bin/evtwin-sim" --until-eol --fleet 200 --seed 1 --csv "$state/fleet.csv"
    say "training on them"
    "$bin/evtwin-train" "$state/fleet.csv" --out "$state/models" --seed 1
    printf '%s\n' "$recipe" >"$state/made-by"
    say "data set and training took $(($(date +%s) - began)) s"
fi
rm -f "$state/check.csv"

# ---- the live part: a fresh database, so that no old row is shown as live ----

rm -f "$state"/evtwin.db "$state"/evtwin.db-*
store=sqlite:$state/evtwin.db
running=

# Each in a session of its own, so that Ctrl-C reaches only this script, which stops them in order.
start() {
    name=$1
    shift
    setsid "$bin/$name" "$@" >"$state/$name.log" 2>&1 &
    running="$running $name:$!"
}

alive() { kill -0 "$1" 2>/dev/null; }

stop_all() {
    for item in $running; do
        pid=${item#*:}
        alive "$pid" && kill -TERM "$pid"
        for _ in 1 2 3 4 5 6 7 8 9 10; do
            alive "$pid" || break
            sleep 0.5
        done
        alive "$pid" && kill -KILL "$pid"
        code=0
        wait "$pid" 2>/dev/null || code=$?
        say "${item%:*} stopped$([ $code -eq 0 ] || echo " with code $code, see $state/${item%:*}.log")"
    done
    running=
}

kill_all() {
    for item in $running; do
        kill -KILL "${item#*:}" 2>/dev/null || true
    done
    exit 130
}

stopping=0
on_signal() {
    [ "$stopping" -eq 0 ] || kill_all
    stopping=1
    trap kill_all INT TERM
}
trap on_signal INT TERM
trap '[ -z "$running" ] || stop_all' EXIT

# An id that is in the list twice would be a bug; so count lines, one per battery.
list() { get "$url/api/batteries/list" | tr '{' '\n' | grep '"battery_id"' || true; }
field() { sed -n "s/.*\"$1\" *: *\"\{0,1\}\([^\",}]*\).*/\1/p" | head -n 1; }
age_s() { echo $(($(date +%s) - $(date -d "$1" +%s))); }

status_line() {
    list >"$state/list"
    say "$(wc -l <"$state/list") batteries:" \
        "$(grep -c '"NORMAL"' "$state/list" || true) NORMAL," \
        "$(grep -c '"WARNING"' "$state/list" || true) WARNING," \
        "$(grep -c '"CRITICAL"' "$state/list" || true) CRITICAL"
}

# Every battery: telemetry no older than three intervals, and a prediction. Every status was seen.
check() {
    limit=$(awk "BEGIN { print int(3 * $interval + 0.999) }")
    list >"$state/list"
    [ "$(wc -l <"$state/list")" -eq $n_live ] ||
        die "$(wc -l <"$state/list") batteries at $url/api/batteries/list instead of $n_live"
    while read -r row; do
        id=$(printf '%s' "$row" | field battery_id)
        age=$(age_s "$(printf '%s' "$row" | field time)")
        [ "$age" -le "$limit" ] || die "$id: its telemetry is $age s old, over $limit s"
        predicted=$(get "$url/api/battery/predictions?battery_id=$id" | tr '{' '\n' |
            grep -m 1 '"rul_prediction"' || true)
        rul=$(printf '%s' "$predicted" | field rul_prediction)
        risk=$(printf '%s' "$predicted" | field failure_probability)
        case $rul$risk in
        '' | *null*) die "$id: has no prediction" ;;
        esac
        say "$(awk -v rul="$rul" -v risk="$risk" -v about="$id: $age s old, $(printf '%s' "$row" | field status)" \
            'BEGIN { printf "%s, RUL %.0f cycles, failure risk %.1f %%", about, rul, 100 * risk }')"
    done <"$state/list"
    for status in NORMAL WARNING CRITICAL; do
        grep -q "\"$status\"" "$state/seen" || die "no battery was $status"
    done
}

rm -f "$state"/*.log "$state/seen"
start evtwin-sim --fleet $n_live --soh 99:79 --seed 7 --interval "$interval" --sink "$store"
start evtwin-predict --models "$state/models" --store "$store" --interval "$prediction_interval" \
    --metrics-port "$metrics_port"
start evtwin-serve --store "$store" --port "$api_port"
say "$n_live batteries, new to nearly worn out, sixty times as fast as life"
say "open http://localhost:$api_port (Ctrl-C stops)"

began=$(date +%s)
tick=0
while [ "$stopping" -eq 0 ]; do
    for item in $running; do
        if ! alive "${item#*:}"; then
            tail -n 3 "$state/${item%:*}.log" >&2
            die "${item%:*} ended; the demo stops"
        fi
    done
    tick=$((tick + 1))
    # a row's status counts its prediction only once it has one, so look more than once
    [ "$seconds" -eq 0 ] || list >>"$state/seen"
    if [ "$seconds" -gt 0 ] && [ $(($(date +%s) - began)) -ge "$seconds" ]; then
        check
        say "all $n_live batteries are live and predicted"
        break
    fi
    if [ -n "$have_curl" ] && [ $((tick % 10)) -eq 5 ]; then
        status_line
    fi
    sleep 1 || true
done
stop_all
say "stopped; the data set, models and database stay in $state"
