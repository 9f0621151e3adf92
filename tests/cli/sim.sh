# SPDX-License-Identifier: MIT
# tests/cli/sim.sh BIN: evtwin-sim: dry runs, live runs, run-to-failure data sets, sinks that fail.
. "$(dirname "$0")/assert.sh"

# ---- five JSON records and nothing needed ----
run evtwin-sim --dry-run -n 5
expect 0
check 'five lines' [ "$(wc -l <out)" -eq 5 ]
check 'nothing on standard error' [ ! -s err ]
check 'the keys of the contract, in order' \
    [ "$(grep -cE '^\{"timestamp": ?"[^"]*Z", ?"battery_id": ?"BATTERY_001", ?"soc": ?[0-9.]+, ?"soh": ?[0-9.]+, ?"voltage": ?[0-9.]+, ?"current": ?-?[0-9.]+, ?"temperature": ?[0-9.]+, ?"charge_cycles": ?[0-9]+, ?"power_consumption": ?[0-9.]+, ?"is_charging": ?(true|false)' out)" -eq 5 ]
run evtwin-sim --dry-run --fleet 3 -n 7
check 'seven of three batteries' [ "$(wc -l <out)" -eq 7 ]
out BATTERY_003

# the same seed gives the same bytes, whatever the threads
dry() { run evtwin-sim --dry-run -n 700 --fleet 7 --soh 99:80 "$@"; }
dry --seed 5 --threads 1
cp out first
dry --seed 5 --threads 1
check 'same seed' cmp out first
dry --seed 5 --threads 3
check 'other number of threads' cmp out first
dry --seed 6
check 'another seed differs' sh -c '! cmp -s out first'
run evtwin-sim --dry-run --model classic -n 20 --seed 1
expect 0
run sh -c 'evtwin-sim --dry-run -n 1000000 | head -n 1'
check 'a reader that goes away' [ ! -s err ]
run sh -c 'evtwin-sim --dry-run -n 5 >/dev/full'
expect 73

run evtwin-sim --list-cells
expect 0
out '(default)'
check 'more than one' [ "$(wc -l <out)" -ge 1 ]

# ---- what is not valid ----
wrong() {
    run evtwin-sim "$@"
    expect 2
    one_line
}
wrong --model spm
err 'later version'
wrong --model quantum
wrong --battery-id 'a b'
wrong --speed fast
wrong --speed -1
wrong --speed max
err '--duration'
wrong --soh 101
wrong --soh 90:x
wrong --start yesterday
wrong --use fly
wrong --dry-run --until-eol
wrong --until-eol --moments noon
err 'noon'
wrong --moments daily --duration 1
err '--until-eol'
wrong --json
wrong -n 3
wrong --sink kafkaesque://host/topic --duration 1
err 'kafkaesque'
wrong --sink null: --sink csv:a.csv --sink null: --duration 1
err '--sink: duplicate null:'
wrong --csv a.csv --sink 'csv:a.csv?replace=1' --duration 1
err '--sink: duplicate csv:a.csv'
check 'and makes none' [ ! -e a.csv ]
run evtwin-sim --cell no-such-cell --dry-run
expect 66
err '--list-cells'
run evtwin-sim --use daily --drive-cycle absent.csv --dry-run
expect 66
run evtwin-sim --duration 1 --csv absent/file.csv
expect 73
one_line

# ---- live ----
run evtwin-sim --interval 0.1 --duration 0.35 --csv live.csv
expect 0
check 'the contract line' \
    grep -qE '^SoC: [0-9.]+% \| SoH: [0-9.]+% \| Temp: -?[0-9.]+°C \| Current: -?[0-9.]+A \| Cycles: [0-9]+ \| (Discharging|Charging|Parked)$' out
check 'records in the file' [ "$(wc -l <live.csv)" -ge 4 ]
err 'records delivered'
run evtwin-sim --fleet 4 --interval 0.1 --duration 0.25
out '4 batteries |'
run evtwin-sim --fleet 4 --interval 0.1 --duration 0.25 -v
out '[BATTERY_004] SoC: '
run evtwin-sim --interval 0.1 --duration 0.25 --sink jsonl:- --sink null:
check 'records alone on standard output' [ "$(grep -vc '^{' out)" -eq 0 ]
err 'SoC: '
run evtwin-sim --interval 0.1 --duration 0.25 -q
check 'quiet' [ ! -s out ]

# as fast as it can: a day of physics, stamped by its clock, the same bytes again
fast() { evtwin-sim --speed max --duration 86400 --interval 60 --fleet 2 --seed 3 -q --csv "$1"; }
run fast day1.csv
expect 0
check 'every minute of two batteries' [ "$(wc -l <day1.csv)" -eq 2881 ]
run fast day2.csv
check 'repeatable' cmp day1.csv day2.csv
check 'stamped by the physics clock' grep -q '^2024-01-02T00:00:00' day1.csv

# Ctrl-C and SIGTERM are a clean end, a second one is not waited for
for signal in INT TERM; do
    evtwin-sim --interval 0.2 --csv stop-$signal.csv >out 2>err &
    pid=$!
    check 'it writes' await 20 sh -c "[ \$(grep -c BATTERY stop-$signal.csv) -ge 2 ]"
    kill -$signal $pid
    code=0
    wait $pid || code=$?
    last="evtwin-sim, SIG$signal"
    expect 0
    err 'stopping'
    err 'closed'
    check 'what was delivered is in the file' \
        [ "$(grep -c BATTERY stop-$signal.csv)" -eq "$(sed -n 's/.*: \([0-9]*\) records delivered.*/\1/p' err)" ]
done

# both signals are waiting when it wakes up: the second one is not waited for
evtwin-sim --interval 0.2 >both.out 2>&1 &
pid=$!
check 'it simulates' await 20 grep -q 'SoC: ' both.out
kill -STOP $pid
kill -INT $pid
kill -TERM $pid
kill -CONT $pid
code=0
wait $pid || code=$?
last='evtwin-sim, SIGINT and SIGTERM'
check 'quit at once' sh -c "[ $code -eq 130 ] || [ $code -eq 143 ]"

# ---- two simulators, one battery, one database ----
evtwin-sim --interval 0.2 --sink sqlite:one.db >first.out 2>first.err &
pid=$!
check 'the first one writes' await 20 sh -c '[ "$(grep -c "SoC: " first.out)" -ge 2 ]'
run evtwin-sim --interval 0.2 --duration 3 --sink sqlite:one.db
expect 69
err BATTERY_001
run evtwin-sim --interval 0.2 --duration 0.5 --battery-id BATTERY_002 --sink sqlite:one.db
expect 0
kill -INT $pid
code=0
wait $pid || code=$?
last='the first simulator'
expect 0

# ---- a simulator that is started again goes on; --fresh starts anew ----
go_on() { run evtwin-sim --fleet 2 --soh 97:84 --speed max --interval 60 --duration 7200 --sink sqlite:goes-on.db -q "$@"; }
if command -v sqlite3 >/dev/null; then
    last_of() { sqlite3 goes-on.db "SELECT $1 FROM ev_telemetry WHERE battery_id = 'BATTERY_002' ORDER BY time DESC, seq DESC LIMIT 1"; }
    go_on
    expect 0
    no_err 'go on'
    soh=$(last_of soh) cycles=$(last_of charge_cycles) seq=$(last_of seq)
    run evtwin-sim --fleet 2 --soh 99 --seed 7 --speed max --interval 60 --duration 60 --sink 'sqlite:goes-on.db?retention_days=0'
    expect 0
    err '2 batteries go on'
    check 'its health does not jump back' [ "$(sqlite3 goes-on.db "SELECT abs($(last_of soh) - $soh) < 0.31")" = 1 ]
    check 'nor do its cycles' [ "$(sqlite3 goes-on.db "SELECT $(last_of charge_cycles) - $cycles IN (0, 1)")" = 1 ]
    check 'its records are numbered on' [ "$(last_of seq)" -gt "$seq" ]
    check 'and so is its clock' [ "$(sqlite3 goes-on.db "SELECT $(last_of sim_time_s) = 7260")" = 1 ]
    go_on --fresh --start 2025-01-01
    expect 0
    check '--fresh is a new life' [ "$(sqlite3 goes-on.db "SELECT $(last_of sim_time_s) = 7200")" = 1 ]
fi

# ---- files that are moved away, pipes that nobody reads ----
for kind in csv jsonl; do
    evtwin-sim --fleet 2 --interval 0.1 --sink $kind:moved -q >out 2>err &
    pid=$!
    check "$kind: it writes" await 10 sh -c '[ "$(wc -l <moved)" -ge 3 ]'
    mv moved moved.1
    check "$kind: it goes on in a new file" await 10 sh -c '[ "$(wc -l <moved)" -ge 3 ]'
    check "$kind: that begins like the first" [ "$(head -c 5 moved)" = "$(head -c 5 moved.1)" ]
    rm moved
    check "$kind: and again" await 10 sh -c '[ "$(wc -l <moved)" -ge 3 ]'
    check "$kind: only its owner may read it" [ "$(stat -c %a moved)" = 600 ]
    kill -TERM $pid
    code=0
    wait $pid || code=$?
    last="evtwin-sim, $kind"
    expect 0
    err 'removed'
    rm -f moved moved.1
done
mkfifo pipe
stopped TERM "grep -q 'nobody reads' err" evtwin-sim --interval 0.1 --sink jsonl:pipe
expect 1
err 'not delivered'
stopped TERM begun evtwin-sim --until-eol --csv pipe -q
expect 143

# ---- a sink that fails: said once, held, counted; the other sink does not suffer ----
(
    ulimit -f 8
    trap '' XFSZ
    exec evtwin-sim --fleet 50 --interval 0.05 --duration 1 --csv small.csv --sink null:
) >out 2>err
code=$?
last='evtwin-sim with a file size limit'
expect 1
check 'said once' [ "$(grep -c 'held in memory' err)" -eq 1 ]
err 'were not delivered'

# a database that another program locks for longer than the store waits, and then lets go
if command -v sqlite3 >/dev/null; then
    : >err
    evtwin-sim --interval 0.2 --sink sqlite:locked.db >out 2>err &
    pid=$!
    check 'it writes' await 10 sh -c '[ "$(sqlite3 locked.db "SELECT COUNT(*) FROM ev_telemetry")" -ge 2 ]'
    check 'it is locked' hold_lock 200 locked.db 'BEGIN IMMEDIATE;'
    check 'it says so' await 60 grep -q 'held in memory' err
    release_lock
    check 'it recovers' await 20 grep -q 'takes records again' err
    kill -INT $pid
    code=0
    wait $pid || code=$?
    last='evtwin-sim with a locked database'
    expect 0
    check 'every record is there once' [ "$(sqlite3 locked.db 'SELECT COUNT(DISTINCT seq) = COUNT(*) AND COUNT(*) = MAX(seq) + 1 FROM ev_telemetry')" = 1 ]
fi

# one that is locked at the start is waited for and said once: the tables are there, or they are not yet
at_start='BEGIN EXCLUSIVE; CREATE TABLE mine (x); DROP TABLE mine;'
if command -v sqlite3 >/dev/null; then
    for file in locked.db fresh.db; do
        check 'it is locked' hold_lock 200 $file "$at_start"
        : >err
        evtwin-sim --interval 0.2 --duration 1 --battery-id LATE_1 --sink sqlite:$file >out 2>err &
        pid=$!
        check 'it says so' await 60 grep -q 'database is held by another process' err
        release_lock
        code=0
        wait $pid || code=$?
        last="evtwin-sim, $file is locked at the start"
        expect 0
        check 'said once' [ "$(grep -c 'database is held by another process' err)" -eq 1 ]
        check 'it was delivered' [ "$(sqlite3 $file "SELECT COUNT(*) >= 1 FROM ev_telemetry WHERE battery_id = 'LATE_1'")" = 1 ]
    done
    err 'waiting for the store'
    check 'it is locked' hold_lock 200 other.db "$at_start"
    stopped INT "grep -q 'waiting for the store' err" evtwin-sim --sink sqlite:other.db
    check 'a signal ends the wait' [ "$code" -eq 0 ]
    err stopping
    release_lock
fi

# ---- run-to-failure data sets ----
lives() { evtwin-sim --until-eol --fleet 6 --seed 2 --record-days 30 "$@"; }
run lives --csv lives.csv --threads 1
expect 0
out '6 packs'
check 'the number of records once' [ "$(cat out err | grep -c records)" -eq 1 ]
run evtwin-sim --until-eol --record-days 30 --seed 2
expect 0
out '1 pack:'
out ' records'
for column in battery_id soh rul failure truth_; do
    check "column $column" sh -c "head -n 1 lives.csv | grep -q $column"
done
run lives --csv lives2.csv --threads 2 --json
check 'the same bytes with two threads' cmp lives.csv lives2.csv
for key in packs censored defective records life_median_cycles; do
    out "\"$key\""
done
check 'one object' [ "$(wc -l <out)" -eq 1 ]
run lives --csv -
check 'to standard output' [ "$(wc -l <out)" -eq "$(wc -l <lives.csv)" ]
run lives --csv absent/lives.csv
expect 73
run lives --csv - --json
expect 2
run evtwin-sim --until-eol --model classic --csv c.csv
expect 2
check 'nothing written' [ ! -e c.csv ]

stopped INT 'stage simulating' evtwin-sim --until-eol --fleet 5000 --record-days 1 --csv long.csv
expect 130
one_line
check 'nothing half-written' [ ! -e long.csv ]
check 'nothing left beside it' [ -z "$(find . -name '*long.csv*')" ]

# ---- without a sink: the default store, and every broker of the environment ----
mkdir -p default
run sh -c 'cd default && evtwin-sim --fleet 2 --interval 0.1 --duration 0.25 -q'
expect 0
check 'the default store has them' [ "$(sqlite3 default/evtwin.db 'SELECT count(*) FROM ev_telemetry')" -ge 4 ]
rm -rf default && mkdir default
run sh -c 'cd default && evtwin-sim --interval 0.1 --duration 0.25 -q --csv only.csv && evtwin-sim --until-eol --fleet 1 --record-days 100 -q'
expect 0
check '--csv replaces it, and a data set is not put there' [ ! -e default/evtwin.db ]
DB_HOST=db.example DB_NAME='my db' KAFKA_BOOTSTRAP_SERVERS=k1:9092,k2:9092 MQTT_HOST=::1 MQTT_PORT=1884 \
    run evtwin-sim --print-config
expect 0
out 'sink = postgresql://twin@db.example/my%20db # default, by DB_HOST'
out 'sink = kafka://k1:9092,k2:9092/ev_battery_telemetry # default, by KAFKA_BOOTSTRAP_SERVERS'
out 'sink = mqtt://[::1]:1884/ev/battery/telemetry # default, by MQTT_HOST'
PGHOST=/run/postgresql PGUSER=me MQTT_HOST=broker MQTT_TOPIC=a/b KAFKA_TOPIC=unused run evtwin-sim --print-config
out 'sink = postgresql://me@/?host=/run/postgresql # default, by PGHOST'
out 'sink = mqtt://broker/a/b'
no_out kafka:
DB_HOST=/run/postgresql DB_PORT=5433 run evtwin-sim --print-config
out 'sink = postgresql://twin@/twin_data?host=/run/postgresql&port=5433 # default, by DB_HOST'
DB_HOST=db.example DB_PORT=abc run evtwin-sim -n 1
expect 78
one_line
err "DB_PORT: 'abc' is not a whole number from 1 to 65535"
MQTT_HOST=broker MQTT_PORT=0 run evtwin-sim -n 1
expect 78
err "MQTT_PORT: '0'"
MQTT_HOST=mqtt://me:hush@broker run evtwin-sim -n 1
expect 78
one_line
err "MQTT_HOST: 'mqtt://me:***@broker' is not a host"
err '--sink'
DB_HOST=postgresql://db.example run evtwin-sim -n 1
expect 78
err "DB_HOST: 'postgresql://db.example' is not a host"
DB_PORT=abc MQTT_HOST=mqtt://broker run evtwin-sim --sink null: --print-config
expect 0
DB_HOST=db.example run evtwin-sim --sink null: --print-config
no_out postgresql
printf 'sink = null:\n' >null.conf
DB_HOST=db.example run evtwin-sim --config null.conf --print-config
no_out postgresql

# ---- --check: one line each, nothing is made ----
run evtwin-sim --check --sink 'postgresql://u@127.0.0.1/d?password_file=none'
expect 73
out 'none: No such file'
no_out createdb
run evtwin-sim --check --sink sqlite:checked.db --sink csv:checked.csv --sink null: --spool checked
expect 0
check 'four lines' [ "$(grep -c ': ok$' out)" -eq 4 ]
check 'nothing was made' [ ! -e checked.db ] && [ ! -e checked.csv ] && [ ! -e checked ]
run evtwin-sim --check --sink csv:/nowhere/x.csv --sink null:
expect 73
out 'csv:/nowhere/x.csv: cannot be made: No such file or directory'
out 'null:: ok'
run evtwin-sim --check --sink mqtt://h:x/t --sink nope:x --sink null:
expect 2
check 'a wrong one hides no other, and its URI stands once' [ "$(grep -c '^sink ' out)" -eq 3 ]
out 'sink mqtt://h:x/t: the port'
run evtwin-serve --check --store mqtt://h/t
expect 2
out 'not a store'

# ---- with a spool it goes on behind what was accepted, whatever the sinks have ----
spooled() { run evtwin-sim --fleet 2 --soh 97:84 --speed max --interval 60 --duration 6000 -q "$@"; }
evtwin-sim --fleet 2 --soh 97:84 --speed max --interval 60 --duration 12000 -q --csv whole.csv
spooled --csv parts.csv --spool goes-on
expect 0
spooled --csv parts.csv --spool goes-on
expect 0
check 'two runs give the bytes of one' cmp parts.csv whole.csv
spooled --csv parts.csv --spool goes-on --fresh --start 2025-01-01
expect 0
check '--fresh begins a new life' [ "$(grep -c '^2025-01-01T00:01:00' parts.csv)" -eq 2 ]
check 'of a hundred steps' [ "$(wc -l <parts.csv)" -eq 601 ]
if command -v sqlite3 >/dev/null; then
    spooled --sink sqlite:lags.db --spool lagging
    cp lags.db behind.db
    spooled --sink sqlite:lags.db --spool lagging
    rm -f lags.db lags.db-*
    mv behind.db lags.db
    spooled --sink sqlite:lags.db --spool lagging
    expect 0
    in_store() { sqlite3 lags.db "SELECT $1 FROM ev_telemetry"; }
    check 'a store that lacks records of the spool gets no number and no physics time of them' \
        [ "$(in_store "SUM(seq < 200), SUM(seq >= 400), COUNT(*), MIN(CASE WHEN seq > 199 THEN sim_time_s END)")" = '200|200|400|12060.0' ]
    soc_of() { in_store "SUM(CASE WHEN battery_id = 'BATTERY_001' AND seq = $1 THEN soc END)"; }
    check 'its batteries were simulated up to there' \
        [ "$(sqlite3 lags.db "SELECT abs($(soc_of 400) - $(awk -F, '$2 == "BATTERY_001" { n++; if (n == 200) print $3 }' whole.csv)) < 5")" = 1 ]
fi

# ---- with a spool: a sink that fails holds no other up, and what waits is delivered by the next start ----
run evtwin-sim --fleet 3 --speed max --interval 60 --duration 6000 --sink jsonl:/dev/full --sink csv:fine.csv --spool spool
expect 0
err 'its records wait in the spool'
err '300 records wait in the spool spool; the next start delivers them'
check 'the other sink has all' [ "$(wc -l <fine.csv)" -eq 301 ]
run evtwin-sim --duration 0.1 --sink csv:fine.csv --spool spool
check 'what waits is not given up for a changed command line' [ "$code" -ne 0 ]
err 'jsonl:/dev/full'
err '--spool-forget'
err '--spool-rename'

# ---- --check of a spool judges as the start does, and changes nothing ----
refused=$code
cp -r spool before
run evtwin-sim --check --sink csv:fine.csv --spool spool
expect "$refused"
out 'spool spool: 300 records wait for jsonl:/dev/full'
out '--spool-rename OLD=NEW or --spool-forget SINK'
check 'one line each' [ "$(wc -l <out)" -eq 2 ]
run evtwin-sim --check --sink csv:fine.csv --sink jsonl:/dev/full --spool spool
expect 0
run evtwin-sim --check --sink csv:fine.csv --sink jsonl:new.jsonl --spool spool --spool-rename jsonl:/dev/full=jsonl:new.jsonl
expect 0
out 'spool spool: ok'
run evtwin-sim --check --sink csv:fine.csv --spool spool --spool-forget jsonl:/dev/full
expect 0
run evtwin-sim --check --sink csv:fine.csv --spool spool --spool-forget jsonl:/nobody
expect 73
out 'spool spool: the spool knows no sink jsonl:/nobody; it knows'
run evtwin-sim --check --sink jsonl:- --spool spool
expect 2
out 'spool spool: standard output'
check 'nothing has changed' diff -r before spool
sqlite3 before/spool.db 'PRAGMA user_version = 2'
run evtwin-sim --check --sink csv:fine.csv --spool before
expect 65
out 'spool before: before/spool.db: is a spool of version 2'
echo damaged >before/spool.db
run evtwin-sim --check --sink csv:fine.csv --spool before
expect 65
out 'spool before: before/spool.db: is not a SQLite database'
evtwin-sim --interval 0.1 --sink csv:inuse.csv --spool inuse >inuse.out 2>&1 &
tool=$!
await 30 test -s inuse/lock
run evtwin-sim --check --sink csv:inuse.csv --spool inuse
expect 69
out "spool inuse: the spool is in use by process $tool"
kill -TERM $tool
wait $tool

# ---- what waits is renamed or forgotten on purpose only ----
for option in '--spool-forget jsonl:/dev/full' '--spool-rename jsonl:a=jsonl:b' '--spool-size 5' '--spool-full block'; do
    # shellcheck disable=SC2086 # two words
    run evtwin-sim --duration 0.1 --sink null: $option
    expect 2
    err "${option%% *} needs --spool"
    one_line
done
run evtwin-sim --duration 0.1 --sink csv:fine.csv --spool spool --spool-rename 'jsonl:/dev/full'
expect 2
run evtwin-sim --duration 0.1 --sink csv:fine.csv --spool spool --spool-rename 'jsonl:/nobody?x=1=jsonl:renamed.jsonl'
err 'knows no sink jsonl:/nobody?x=1; it knows'
run evtwin-sim --duration 0.1 --sink csv:fine.csv --sink jsonl:renamed.jsonl --spool spool \
    --spool-rename jsonl:/dev/full=jsonl:renamed.jsonl
expect 0
check 'the renamed sink has what waited' [ "$(wc -l <renamed.jsonl)" -gt 300 ]
run evtwin-sim --duration 0.3 --interval 0.1 --sink csv:fine.csv --sink jsonl:/dev/full --spool spool
run evtwin-sim --duration 0.1 --sink csv:fine.csv --spool spool --spool-forget jsonl:/dev/full
expect 0
run evtwin-sim --until-eol --csv x.csv --spool spool
expect 2
run evtwin-sim -q --fleet 1000 --interval 60 --speed max --duration 7500 --sink jsonl:/dev/full --spool small --spool-size 3 \
    --spool-full drop-oldest
check 'losses are counted, not listed without end' [ "$(grep -c '^evtwin-sim: lost: ' err)" -eq 10 ]
err 'more records are lost'
run evtwin-sim -q --fleet 4000 --interval 0.2 --duration 2 --sink jsonl:/dev/full --spool blocked --spool-size 1
expect 1
err 'nothing more is read'
err 'the last ones were not accepted'

# ---- metrics of the sinks ----
port=$(free_port)
evtwin-sim --interval 0.1 --sink jsonl:/dev/full --sink null: --metrics-port "$port" >out 2>err &
tool=$!
last='evtwin-sim --metrics-port'
check 'a sink that fails is down' await 10 sh -c "curl -s http://127.0.0.1:$port/metrics | grep -q '^evtwin_sink_up{sink=\"jsonl:/dev/full\".*} 0'"
curl -s "http://127.0.0.1:$port/metrics" >metrics.txt
check 'the other is up' grep -q '^evtwin_sink_up{sink="null:".*} 1' metrics.txt
check 'what waits is counted' grep -q '^evtwin_sink_waiting_records{sink="jsonl:/dev/full".*} [1-9]' metrics.txt
check 'batteries are there too' grep -q '^battery_soc_percent{battery_id="BATTERY_001"}' metrics.txt
kill -TERM $tool
wait $tool

finish
