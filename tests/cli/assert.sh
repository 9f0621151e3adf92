# SPDX-License-Identifier: MIT
# tests/cli/assert.sh BIN: sourced by the scripts: run a tool, then say what was expected of it.
#   run CMD…          run it; $code, $work/out and $work/err keep what came
#   expect CODE       its exit code
#   out TEXT, err TEXT  a fixed text that standard output (error) must contain; no_out, no_err: must not
#   one_line          standard error is exactly one line, and names the tool
#   check WHAT CMD…   CMD must succeed
#   manifest_is_documented MANIFEST  docs/bundle.md names each of its keys
# Before a tool is started in the background and its messages waited for: `: >err`, or those of the last are found.
# The script fails at its end (finish) if anything did not hold, after showing all that did not.
set -u
bin=$(cd "$1" && pwd)
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/evtwin-cli.XXXXXX") || exit 1

# However it ends, nothing of it goes on: whoever works in its folder belongs to it.
clean() {
    cd /
    find /proc/[0-9]*/cwd -maxdepth 0 -lname "$work*" 2>/dev/null | cut -d/ -f3 |
        while read -r pid; do kill -KILL "$pid" 2>/dev/null; done
    rm -rf "$work"
}
trap clean EXIT
trap 'exit 143' TERM
trap 'exit 130' INT HUP
PATH=$bin:$PATH
cd "$work" || exit 1
export no_proxy='*'
unset TELEMETRY_INTERVAL PREDICTION_INTERVAL METRICS_PORT API_PORT NO_COLOR DB_HOST DB_PORT DB_USER \
    DB_PASSWORD DB_NAME PGHOST PGPORT PGUSER PGPASSWORD PGDATABASE KAFKA_BOOTSTRAP_SERVERS KAFKA_TOPIC \
    MQTT_HOST MQTT_PORT MQTT_TOPIC
n_bad=0
n_checks=0
last=

complain() {
    n_bad=$((n_bad + 1))
    printf 'FAILED: %s\n  command: %s\n' "$1" "$last"
    sed 's/^/  out: /' "$work/out" | cut -c1-300 | head -n 10
    sed 's/^/  err: /' "$work/err" | cut -c1-300 | head -n 10
}

run() {
    last="$*"
    code=0
    case $1 in
    evtwin-*) set -- timeout -s KILL 300 "$@" ;; # a tool that hangs is a failure, not a wait
    esac
    "$@" >"$work/out" 2>"$work/err" </dev/null || code=$?
}

expect() {
    n_checks=$((n_checks + 1))
    [ "$code" -eq "$1" ] || complain "exit code $code, expected $1"
}

out() {
    n_checks=$((n_checks + 1))
    grep -qF -e "$1" "$work/out" || complain "standard output lacks '$1'"
}

err() {
    n_checks=$((n_checks + 1))
    grep -qF -e "$1" "$work/err" || complain "standard error lacks '$1'"
}

no_out() {
    n_checks=$((n_checks + 1))
    ! grep -qF -e "$1" "$work/out" || complain "standard output has '$1'"
}

no_err() {
    n_checks=$((n_checks + 1))
    ! grep -qF -e "$1" "$work/err" || complain "standard error has '$1'"
}

one_line() {
    n_checks=$((n_checks + 1))
    if [ "$(wc -l <"$work/err")" -ne 1 ] || ! grep -q '^evtwin-[a-z]*: ' "$work/err"; then
        complain "standard error is not one line that names the tool"
    fi
}

check() {
    n_checks=$((n_checks + 1))
    what=$1
    shift
    "$@" || complain "$what"
}

# need PROGRAM: without it this test is skipped, saying so.
need() {
    command -v "$1" >/dev/null || {
        echo "skipped: there is no $1"
        exit 77
    }
}

# Wait for a command to succeed, for $1 seconds or a minute, whichever is longer: how long a thing takes
# on a busy machine is no property of the tools, and who succeeds waits no longer.
await() {
    tries=$(($1 > 60 ? $1 * 10 : 600))
    shift
    while ! "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || return 1
        sleep 0.1
    done
}

# Standard error says that this part of the work began (with --verbose: "evtwin-train: reading …").
stage() { grep -q ": $1.* …\$" "$work/err"; }

# The tool has begun, which is to say that SIGTERM does not just kill it, and had a moment to go on to where
# it waits.
begun() { [ -e begun ] || { catches_term && sleep 0.3 && touch begun; }; }
catches_term() { # bit 14 of the signals it catches
    caught=$(sed -n 's/^SigCgt:[[:space:]]*[0-9a-f]*\([0-9a-f]\{4\}\)$/\1/p' "/proc/$tool/status" 2>/dev/null)
    [ $((0x${caught:-0} & 0x4000)) -ne 0 ]
}

# stopped SIGNAL WHEN CMD…: start the tool with --verbose, send the signal as soon as the command WHEN
# succeeds; it must end at once. $code, $work/out and $work/err (without the lines of stages) as after
# run; standard input is a pipe that stays open and empty. A tool that had done all its work before the
# signal came says nothing about signals: that is tried again.
stopped() {
    last="$* (signal, when, command)"
    signal=$1
    when=$2
    shift 2
    n_checks=$((n_checks + 2))
    for try in 1 2 3 4 5; do
        stop_once "$@"
        [ $code -ne 0 ] || grep -q 'stopp' "$work/err" || continue
        break
    done
    eval "$when" || complain 'it never came as far as the signal'
    grep -v ' …$' "$work/err" >stopped.err
    mv stopped.err "$work/err"
}
prepare=: # what else must be there before each try
stop_once() {
    [ -p silent ] || mkfifo silent
    rm -f begun
    sleep 1000 >silent &
    feeder=$!
    : >"$work/err"
    eval "$prepare"
    "$@" --verbose >"$work/out" 2>"$work/err" <silent &
    tool=$!
    tries=6000
    until eval "$when" || [ $tries -eq 0 ] || ! kill -0 $tool 2>/dev/null; do
        tries=$((tries - 1))
        sleep 0.01
    done
    kill -"$signal" $tool 2>/dev/null
    await 60 sh -c "! kill -0 $tool" || complain 'it goes on after a signal'
    kill -KILL $tool 2>/dev/null
    code=0
    wait $tool || code=$?
    kill $feeder
    wait $feeder 2>/dev/null
}

# ---- stores: SQLite files, or databases of the server that EVTWIN_TEST_POSTGRES names ----

on_postgres() { [ -n "${EVTWIN_TEST_POSTGRES:-}" ]; }
if on_postgres && ! command -v psql >/dev/null; then
    PATH=$PATH:$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)
fi

# absent_store NAME, fresh_store NAME: URI of a store that is not there, and of one that nobody has used.
absent_store() {
    if on_postgres; then
        echo "${EVTWIN_TEST_POSTGRES%/*}/cli$$_$1"
    else
        echo "sqlite:$1.db"
    fi
}
fresh_store() {
    ! on_postgres || psql -qX "$EVTWIN_TEST_POSTGRES" -c "CREATE DATABASE cli$$_$1" >&2
    absent_store "$1"
}

# sql URI STATEMENT, sql_csv: what another program gets; values of a row are separated by |.
if on_postgres; then
    can_sql() { :; }
    sql() { psql -qXAt -v ON_ERROR_STOP=1 "$1" -c "$2"; }
    sql_csv() { psql -qX --csv -v ON_ERROR_STOP=1 "$1" -c "$2"; }
else
    can_sql() { command -v sqlite3 >/dev/null; }
    sql() { sqlite3 -cmd '.timeout 60000' "${1#sqlite:}" "$2"; }
    sql_csv() { sqlite3 -cmd '.timeout 60000' -csv -header "${1#sqlite:}" "$2"; }
fi

# hold_lock SECONDS URI [SQL]: nobody else can write for so long, or what the SQL does to a SQLite file, in the
# background ($locker); returns when it is so. release_lock ends it sooner.
hold_lock() {
    rm -f held release
    if on_postgres; then
        { echo 'BEGIN; LOCK TABLE ev_telemetry IN EXCLUSIVE MODE;'; echo '\! touch held'; hold "$1"; echo 'COMMIT;'; } |
            psql -qX "$2" >/dev/null 2>&1 &
    else
        { printf '.timeout 60000\n%s\n.shell touch held\n' "${3:-BEGIN IMMEDIATE;}"; hold "$1"; echo 'COMMIT;'; } 2>/dev/null |
            sqlite3 -bail "${2#sqlite:}" 2>/dev/null &
    fi
    locker=$!
    await 60 [ -e held ]
}
hold() { await "$1" [ -e release ] || :; }
release_lock() {
    touch release
    wait $locker
}

# A port nobody listens on just now, below those that the system gives to clients; for a tool that cannot
# be asked for any (serving and metrics say which port 0 became).
free_port() {
    while
        a_port=$(shuf -i 15000-31999 -n 1)
        probe=0
        curl -s -o /dev/null --max-time 1 "http://127.0.0.1:$a_port/" || probe=$?
        [ $probe -ne 7 ]
    do :; done
    echo "$a_port"
}

# port_in FILE: the port that a tool said it serves at, when it has said so.
port_in() {
    await 60 grep -q 'at http://localhost:' "$1"
    sed -n 's|.* at http://localhost:\([0-9]*\).*|\1|p' "$1" | head -n 1
}

# A small labelled fleet as CSV: $1 batteries with $2 rows each, wearing out at different speeds.
make_fleet() {
    awk -v batteries="$1" -v rows="$2" 'BEGIN {
        srand(1)
        print "time,battery_id,soc,soh,voltage,current,temperature,charge_cycles," \
              "power_consumption,is_charging,rul,failure"
        for (b = 1; b <= batteries; b++) {
            life = 400 + 40 * b
            for (r = 0; r < rows; r++) {
                cycles = int(life * r / rows)
                soc = 20 + 79 * rand(); soh = 100 - 20 * cycles / life + 0.5 * (rand() - 0.5)
                if (soh > 100) { soh = 100 }
                v = 350 + 0.5 * soc; a = 50 + 70 * rand()
                printf "2024-01-%02dT%02d:00:00Z,BATTERY_%03d,%.2f,%.3f,%.2f,%.2f,%.2f,%d,%.1f,false,%d,%d\n",
                    1 + int(r / 24) % 28, r % 24, b, soc, soh, v, a,
                    25 + 0.08 * a, cycles, v * a, life - cycles, life - cycles < 100
            }
        }
    }'
}

manifest_is_documented() {
    keys=$(grep -oE '"[A-Za-z0-9_]+": ?' "$1" | tr -d '": ' | sort -u)
    check "$1 has keys" [ "$(echo "$keys" | wc -l)" -gt 20 ]
    for key in $keys; do
        check "docs/bundle.md does not name the key $key" grep -qE "[\`.]$key[\`.[]|\"$key\":" "$root/docs/bundle.md"
    done
}

finish() {
    if [ $n_bad -gt 0 ]; then
        echo "$n_bad of $n_checks checks failed"
        exit 1
    fi
    echo "$n_checks checks passed"
    exit 0
}
