# SPDX-License-Identifier: MIT
# tests/cli/ingest.sh BIN: evtwin-ingest: records of senders that nobody controls: each bad one has its
# defined outcome, the stream goes on, and everything is counted.
. "$(dirname "$0")/assert.sh"

sql() { sqlite3 -batch evtwin.db "$1"; }
is() { # WHAT WANT SQL
    got=$(sql "$3")
    check "$1: '$got', expected '$2'" [ "$got" = "$2" ]
}

# ---- the list of bad input, a good record behind each ----
n_good=0
good() {
    n_good=$((n_good + 1))
    printf '{"timestamp":"2024-01-01T%02d:%02d:00Z","battery_id":"GOOD","soc":80,"soh":95,"seq":%d}\n' \
        $((n_good / 60)) $((n_good % 60)) $n_good
}
: >want
# bad STATUS FORMAT: a message, as printf makes it, that is to become a letter with that status
bad() {
    echo "EVTWIN_$1" >>want
    # shellcheck disable=SC2059 # a format on purpose
    printf "$2\n"
    good
}
T='"timestamp":"2024-01-01T00:00:00Z","battery_id":"BAD"'
{
    good
    bad E_PARSE 'not JSON at all'
    bad E_PARSE '{"timestamp":"2024-01-01T00:00:00Z","battery_id":"A\\u001b[31m"}'
    bad E_PARSE '{"timestamp":"2024-01-01T00:00:00Z","battery_id":"B'
    bad E_PARSE '[1,2,3]'
    bad E_PARSE '"text"'
    bad E_PARSE "{$T,\"soc\":8\\000}"
    bad E_PARSE "{$T,\"note\":\"\\\\u0000\"}"
    bad E_PARSE "{$T,\"note\":\"\\377\\376\"}"
    bad E_PARSE "{$T,\"note\":\"\\303\"}"
    bad E_PARSE "{$T,\"soc\":1,\"soc\":2}"
    bad E_PARSE "{$T,\"soc\":1e400}"
    bad E_PARSE "{$T,\"soc\":-Infinity}"
    bad E_PARSE "{$T,\"soc\":\"80\"}"
    bad E_PARSE "{$T,\"soc\":{\"value\":80}}"
    bad E_PARSE "{$T,\"charge_cycles\":1.5}"
    bad E_PARSE "{$T,\"charge_cycles\":99999999999999999999}"
    bad E_PARSE "{$T,\"charge_cycles\":$(head -c 10000 /dev/zero | tr '\0' 9)}"
    bad E_PARSE "{$T,\"soc\":1e$(head -c 10000 /dev/zero | tr '\0' 9)}"
    bad E_PARSE "{$T,\"is_charging\":\"yes\"}"
    bad E_PARSE "{$T,\"deep\":[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]}"
    bad E_PARSE '{"timestamp":"2024-01-01T00:00:00Z","battery_id":"A\\u0007"}'
    bad E_PARSE "{\"timestamp\":\"2024-01-01T00:00:00Z\",\"battery_id\":\"$(head -c 1024 /dev/zero | tr '\0' a)\"}"
    bad E_PARSE '{"timestamp":"2024-01-01T00:00:00Z","battery_id":""}'
    bad E_PARSE '{"timestamp":"2024-01-01T00:00:00Z","battery_id":7}'
    bad E_PARSE '{"timestamp":"yesterday","battery_id":"BAD"}'
    bad E_PARSE '{"timestamp":"2024-13-01T00:00:00Z","battery_id":"BAD"}'
    bad E_PARSE "{$T,\"note\":\"$(head -c 2000000 /dev/zero | tr '\0' a)\"}"
    bad E_SCHEMA '{"battery_id":"BAD","soc":80}'
    bad E_SCHEMA '{"timestamp":"2024-01-01T00:00:00Z","soc":80}'
    bad E_SCHEMA '{}'
    bad E_RANGE "{$T,\"seq\":-1}"
    # what can be read is stored as it came
    printf '{"timestamp":"2024-02-01T00:00:00Z","battery_id":"NAN","soc":NaN,"soh":95}\n'
    printf '{"timestamp":"2024-02-01T00:00:00Z","battery_id":"NULL","soc":null}\n'
    printf '{"timestamp":"2024-02-01T00:00:00Z","battery_id":"HIGH","soc":250}\n'
    printf '{"timestamp":"2024-02-01T00:00:00Z","battery_id":"COLD","temperature":-300}\n'
    printf '{"timestamp":"2024-02-01T00:00:00","battery_id":"NAIVE","soc":80}\n'
    printf '{"timestamp":"2999-02-01T00:00:00Z","battery_id":"FUTURE","soc":80}\n'
    printf '{"timestamp":"2024-02-01T00:00:00Z","battery_id":"FRACTION","soc":0.8,"soh":0.95}\n'
    printf '{"timestamp":"2024-02-01T00:00:00Z","battery_id":"OTHER","soc":80,"colour":"red"}\n'
    printf '{"timestamp":"2024-02-01T00:00:10Z","battery_id":"ORDER","soc":80,"seq":2}\n'
    printf '{"timestamp":"2024-02-01T00:00:00Z","battery_id":"ORDER","soc":81,"seq":1}\n'
    printf '{"timestamp":"2024-02-01T00:00:10Z","battery_id":"ORDER","soc":80,"seq":2}\n'
} >bad.jsonl
n_bad_input=$(wc -l <want)
n_odd=10 # stored rows of the last part: one of the eleven is a duplicate

run evtwin-ingest --source jsonl:bad.jsonl --dead-letter sqlite:evtwin.db
expect 65
is 'good records' $n_good "SELECT count(*) FROM ev_telemetry WHERE battery_id = 'GOOD' AND quality IS NULL"
is 'all records' $((n_good + n_odd)) 'SELECT count(*) FROM ev_telemetry'
is 'letters' "$n_bad_input" 'SELECT count(*) FROM ev_dead_letter'
sql 'SELECT status FROM ev_dead_letter ORDER BY id' >got
check 'the status of each letter' diff want got
is 'places' 1 "SELECT count(*) FROM ev_dead_letter WHERE place = 'bad.jsonl:2'"
is 'bytes as they came' 1 "SELECT count(*) FROM ev_dead_letter WHERE hex(raw) LIKE '%22FFFE22%'"
is 'a NUL too' 1 "SELECT count(*) FROM ev_dead_letter WHERE instr(raw, x'3800') > 0"
is 'a long one is cut' 65536 'SELECT max(length(raw)) FROM ev_dead_letter'
is 'flags' 'COLD 4|FRACTION 32|FUTURE 8|HIGH 4|NAIVE 16|NAN |NULL |ORDER |ORDER 2|OTHER ' \
    "SELECT group_concat(battery_id || ' ' || coalesce(quality, ''), '|') FROM (SELECT * FROM ev_telemetry
     WHERE battery_id <> 'GOOD' ORDER BY battery_id, time DESC)"
is 'values as they came' '250.0 0.8 -300.0' \
    "SELECT (SELECT soc FROM ev_telemetry WHERE battery_id = 'HIGH') || ' ' ||
     (SELECT soc FROM ev_telemetry WHERE battery_id = 'FRACTION') || ' ' ||
     (SELECT temperature FROM ev_telemetry WHERE battery_id = 'COLD')"
is 'a missing value is never 0' 0 "SELECT count(*) FROM ev_telemetry WHERE battery_id IN ('NAN', 'NULL') AND soc IS NOT NULL"
err "$n_bad_input records refused: 27 EVTWIN_E_PARSE, 1 EVTWIN_E_RANGE, 3 EVTWIN_E_SCHEMA"
err "$((n_good + n_odd + 1)) records accepted, 6 flagged: 1 out of order, 2 out of range, 1 in the future, 1 with a time without an offset, 1 perhaps with fractions; 1 duplicate"
check 'refusals are reported ten times at most' [ "$(grep -c ': refused: ' err)" -le 10 ]
check 'nothing is printed as it came' sh -c "! grep -q '$(printf '\033')' err"

# ---- a file that is something else ----
R='{"timestamp":"2024-01-01T00:00:00Z","battery_id":"B1","soc":80}'
printf '[%s,%s]\n' "$R" "$R" >array.jsonl
printf '[%s]' "$R" >array_open.jsonl
printf '{\n  "timestamp": "2024-01-01T00:00:00Z",\n  "battery_id": "B1"\n}\n' >pretty.jsonl
for file in array.jsonl array_open.jsonl; do
    run evtwin-ingest --source jsonl:$file --sink null:
    expect 65
    err "$file:1"
    err "jq -c '.[]'"
    no_err 'expected near'
done
run evtwin-ingest --source jsonl:pretty.jsonl --sink null:
expect 65
err 'pretty.jsonl:1: one record per line'
err 'jq -c .'
echo "$R" | gzip >packed.jsonl
printf 'time,battery_id\n' | gzip >packed.csv
echo "$R" | iconv -t UTF-16 >wide.jsonl
for file in jsonl:packed.jsonl csv:packed.csv jsonl:wide.jsonl; do
    run evtwin-ingest --source $file --sink null:
    expect 65
    err "${file#*:} is "
done
check 'it is named' grep -q 'UTF-16' err

# ---- what other programs write around a record is not a part of it ----
printf '\357\273\277%s\r\n%s\r\n\r\n\357\273\277%s' "$R" "$R" "$R" >marks.jsonl
run evtwin-ingest --source jsonl:marks.jsonl --sink null:
expect 0
err '3 records accepted, 0 flagged; 2 duplicates'
printf '\357\273\277time,battery_id,soc\r\n2024-01-01T00:00:00Z,B1,80\r\n' >marks.csv
run evtwin-ingest --source csv:marks.csv --sink null:
expect 0
err '1 record accepted'

# ---- letters as JSON lines, the same again ----
rm -f letters.jsonl
run evtwin-ingest --source jsonl:bad.jsonl --sink null: --dead-letter jsonl:letters.jsonl
expect 65
check 'each is a line of JSON' /usr/bin/python3 - <<'PY'
import base64, json
letters = [json.loads(line) for line in open("letters.jsonl")]
want = open("want").read().split()
assert [l["status"] for l in letters] == want, "status"
raws = [l["raw"].encode() if "raw" in l else base64.b64decode(l["raw_base64"]) for l in letters]
lines = open("bad.jsonl", "rb").read().split(b"\n")
for letter, raw in zip(letters, raws):
    n = int(letter["place"].rsplit(":", 1)[1])
    assert lines[n - 1][:65536] == raw, letter["place"]
    assert letter["source"] == "jsonl:bad.jsonl" and letter["reason"] and letter["received_at"].endswith("Z")
PY

# ---- times without an offset: a file's are UTC, a stream's are refused, unless it is said ----
printf '{"timestamp":"2024-02-01T00:00:00","battery_id":"B1"}\n' >naive.jsonl
rm -f evtwin.db*
run sh -c 'evtwin-ingest --source jsonl:- <naive.jsonl'
expect 65
err 'no offset'
run evtwin-ingest --source jsonl:naive.jsonl --naive-time reject
expect 65
run sh -c 'evtwin-ingest --source jsonl:- --naive-time utc --late-after 1 <naive.jsonl'
expect 0
is 'late and naive' 17 'SELECT quality FROM ev_telemetry'

# ---- a CSV in another naming ----
printf 'Timestamp,SoC,SoH\n2024-01-01T00:00:00Z,0.5,0.95\n' >ev30.csv
run evtwin-ingest --source 'csv:ev30.csv?battery_id=B7' --sink jsonl:-
expect 0
out '"soc":50,"soh":95'
no_out quality

# ---- a live stream: goes on until a signal, which is a clean end ----
mkfifo pipe
evtwin-ingest --source jsonl:- --sink jsonl:live.jsonl --dead-letter jsonl:dead.jsonl <pipe >out 2>err &
tool=$!
last='evtwin-ingest on a pipe'
exec 4>pipe
for i in 1 2 3; do
    now=$(date -u +%Y-%m-%dT%H:%M:%SZ)
    printf '{"timestamp":"%s","battery_id":"LIVE","seq":%d}\nbroken\n' "$now" $i >&4
    check "record $i comes at once" await 10 grep -q "\"seq\":$i" live.jsonl
    check "letter $i comes at once" await 10 sh -c "[ \$(wc -l <dead.jsonl) -eq $i ]"
done
kill -TERM $tool
code=0
wait $tool || code=$?
exec 4>&-
expect 0
err '3 records delivered to jsonl:live.jsonl'
err '3 records accepted, 0 flagged'

# ---- the same records again: nothing is doubled ----
rm -f evtwin.db*
evtwin-sim --dry-run -n 50 >sim.jsonl
run evtwin-ingest --source jsonl:sim.jsonl
expect 0
run evtwin-ingest --source jsonl:sim.jsonl
expect 0
is 'rows' 50 'SELECT count(*) FROM ev_telemetry'
is 'no flags for a file of the past' 0 'SELECT count(*) FROM ev_telemetry WHERE quality IS NOT NULL'

# ---- beside a simulator on the same battery: no writer lock ----
evtwin-sim --interval 0.1 --sink sqlite:evtwin.db >out 2>err &
tool=$!
await 10 sh -c '[ "$(sqlite3 evtwin.db "SELECT count(*) FROM ev_telemetry")" -gt 52 ]'
run evtwin-ingest --source jsonl:bad.jsonl
expect 65
kill -TERM $tool
wait $tool

# ---- a sink that does not take records stops the source, and nothing is lost ----
rm -f evtwin.db*
run evtwin-ingest --source jsonl:sim.jsonl
check 'it is locked' hold_lock 200 evtwin.db 'BEGIN IMMEDIATE;'
printf '{"timestamp":"2024-02-01T00:00:00Z","battery_id":"B1"}\n' >one.jsonl
: >err
evtwin-ingest --source jsonl:one.jsonl >out 2>err &
tool=$!
last='evtwin-ingest into a database that is locked'
check 'it says so' await 60 grep -q 'nothing more is read until it takes records again' err
release_lock
code=0
wait $tool || code=$?
expect 0
is 'rows' 51 'SELECT count(*) FROM ev_telemetry'

# ---- with a spool: a file goes on where it was, and what was refused is not refused again ----
{ head -n 20 sim.jsonl; echo broken; } >grows.jsonl
run evtwin-ingest --source jsonl:grows.jsonl --sink csv:spooled.csv --dead-letter jsonl:spooled.jsonl --spool spool
expect 65
tail -n 30 sim.jsonl >>grows.jsonl
run evtwin-ingest --source jsonl:grows.jsonl --sink csv:spooled.csv --dead-letter jsonl:spooled.jsonl --spool spool
expect 0
run evtwin-ingest --source jsonl:grows.jsonl --sink csv:spooled.csv --dead-letter jsonl:spooled.jsonl --spool spool
expect 0
check 'each record is there once' [ "$(wc -l <spooled.csv)" -eq 51 ]
check 'each letter is there once' [ "$(wc -l <spooled.jsonl)" -eq 1 ]
run sh -c 'evtwin-ingest --source jsonl:- --sink jsonl:- --spool spool2 <sim.jsonl'
expect 2
err '--spool'

# ---- --check ----
run evtwin-ingest --check --source jsonl:one.jsonl --sink sqlite:evtwin.db --sink csv:new.csv --dead-letter jsonl:new.jsonl
expect 0
out 'source jsonl:one.jsonl: ok'
out 'sink sqlite:evtwin.db: ok'
out 'sink csv:new.csv: ok'
out 'dead letters jsonl:new.jsonl: ok'
check 'nothing was made' [ ! -e new.csv ] && [ ! -e new.jsonl ]
run evtwin-ingest --check --source jsonl:absent.jsonl --sink sqlite:/nowhere/x.db --sink null:
expect 66
out 'source jsonl:absent.jsonl: '
out 'sink sqlite:/nowhere/x.db: '
out 'sink null:: ok'
check 'one line each' [ "$(wc -l <out)" -eq 3 ]

# ---- mistakes ----
run evtwin-ingest
expect 2
one_line
err '--source'
run evtwin-ingest --source nats://host/x
expect 2
err 'jsonl:'
run evtwin-ingest --source jsonl:one.jsonl --sink jsonl:a.jsonl --dead-letter jsonl:a.jsonl
expect 2
run evtwin-ingest --source jsonl:one.jsonl --dead-letter null:
expect 2

# ---- it says what it reads, and a sink that fails is no good cycle ----
port=$(free_port)
: >err
evtwin-ingest --source 'jsonl:sim.jsonl?follow=1' --sink null: --sink jsonl:/dev/full --metrics-port "$port" >out 2>err &
tool=$!
last='evtwin-ingest --metrics-port'
check 'it says what it reads' await 10 grep -qF 'into null:, jsonl:/dev/full' err
check 'no cycle is good' await 10 sh -c "curl -s http://127.0.0.1:$port/health | grep -qE '\"cycle_age_s\":([2-9]|[1-9][0-9])'"
kill -TERM $tool
wait $tool

# ---- a time without an offset: the way out is named ----
printf '{"timestamp":"2024-01-01 00:00:00","battery_id":"N"}\n' >naive.jsonl
run evtwin-ingest --source 'jsonl:naive.jsonl?naive_time=reject' --sink null:
expect 65
err '--naive-time'

finish
