# SPDX-License-Identifier: MIT
# tests/cli/live.sh BIN: train, then simulator, predictor and server on one database: every row gets
# its own prediction.
. "$(dirname "$0")/assert.sh"
need curl
metrics_port=$(free_port)
api() { curl -s --max-time 60 "$url$1"; }

run evtwin-sim --until-eol --fleet 12 --seed 1 --record-days 10 --csv fleet.csv -q
expect 0
run evtwin-train -q fleet.csv --out models
expect 0

# ---- what was read from a stream and cannot be delivered is reported at the end ----
run evtwin-sim -q --fleet 2 --speed max --duration 20 --sink jsonl:in.jsonl
stuck=$(fresh_store stuck)
run evtwin-sim -q --fleet 1 --speed max --duration 2 --battery-id X_001 --sink "$stuck"
if can_sql; then
    mkfifo stream
    { await 60 [ -e feed ]; cat in.jsonl; exec sleep 1000; } >stream &
    feeder=$!
    evtwin-predict --models models --source jsonl:- --sink "$stuck" --interval 0.2 --metrics-port 0 \
        <stream >/dev/null 2>stuck.err &
    predict=$!
    check 'it runs' await 60 grep -q 'waits for a prediction yet' stuck.err
    check 'the database is locked' hold_lock 200 "$stuck"
    touch feed
    check 'the sink fails' await 60 grep -q 'trying again' stuck.err
    kill -TERM $predict
    code=0
    wait $predict || code=$?
    check 'records that did not arrive are no success' [ $code -eq 1 ]
    check 'and they are counted' grep -qE '[0-9]+ records were not delivered' stuck.err
    release_lock
    kill $feeder 2>/dev/null
fi

# ---- standard output that is full or closed does not come back ----
for out in /dev/full '&-'; do
    run sh -c "evtwin-predict --models models --source jsonl:in.jsonl --sink jsonl:- --metrics-port 0 -q >$out"
    expect 73
done

# ---- a record that cannot be is a note on its row; the others are predicted ----
{ cat in.jsonl; sed -n '1,2s/"soc":[^,]*/"soc":150/p' in.jsonl; } >odd.jsonl
run evtwin-predict --models models --source jsonl:odd.jsonl --sink jsonl:odd-out.jsonl --interval 0.1 --metrics-port 0 -q
expect 0
err 'soc: 150 percent'
err '2 rows'
check 'every record is there' [ "$(wc -l <odd-out.jsonl)" -eq "$(wc -l <odd.jsonl)" ]
check 'the odd ones as they came, with the reason' [ "$(grep -c '"soc":150,.*"prediction_note":"unknown, because soc: 150 percent' odd-out.jsonl)" -eq 2 ]
check 'the others predicted' [ "$(grep -c '"rul_prediction":' odd-out.jsonl)" -eq "$(wc -l <in.jsonl)" ]

# ---- the predictor comes first and waits ----
store=$(fresh_store live)
evtwin-predict --store "$store" --interval 0.2 --metrics-port $metrics_port >predict.out 2>predict.err &
predict=$!
check 'it says that it waits' await 10 grep -q 'waiting' predict.err
evtwin-serve --store "$store" --port 0 2>serve.err &
serve=$!
url=http://127.0.0.1:$(port_in serve.err)
evtwin-sim --fleet 4 --soh 98:82 --interval 0.2 --seed 4 --sink "$store" >sim.out 2>sim.err &
sim=$!

predicted() { [ "$(api "/api/battery/predictions?battery_id=$1" | grep -o '"rul_prediction"' | wc -l)" -ge 5 ]; }
for id in BATTERY_001 BATTERY_004; do
    check "$id is predicted" await 30 predicted $id
done
check 'the console' grep -qE \
    '^\[BATTERY_00[1-4]\] Predictions - SoC: [0-9.]+% \| SoH: [0-9.]+% \| Temp: -?[0-9.]+°C \| RUL: -?[0-9]+ cycles \| Failure Risk: [0-9.]+%$' predict.out
check 'metrics of the contract' sh -c \
    "curl -s http://127.0.0.1:$metrics_port/metrics | grep -q '^battery_rul_cycles{battery_id=\"BATTERY_004\"}'"
run evtwin-predict --store "$store" --metrics-port $metrics_port
expect 69
one_line
err '--metrics-port sets it'
METRICS_PORT=$metrics_port run evtwin-predict --store "$store"
expect 69
err 'METRICS_PORT sets it'

# ---- a cycle that fails is counted and tried again ----
metric() { curl -s http://127.0.0.1:$metrics_port/metrics | grep -qE "$1"; }
if can_sql; then
    rows_wait() { [ "$(sql "$store" 'SELECT COUNT(*) FROM ev_telemetry WHERE rul_prediction IS NULL')" -gt 0 ]; }
    lock_while_rows_wait() {
        for try in $(seq 20); do
            kill -STOP $predict
            if await 10 rows_wait; then
                ! hold_lock 200 "$store" || return 0
                kill -CONT $predict # it was stopped within a transaction
                release_lock
            fi
            kill -CONT $predict
            sleep 1
        done
        return 1
    }
    check 'it is locked' lock_while_rows_wait
    kill -CONT $predict
    check 'it says so' await 40 grep -q 'trying again' predict.err
    release_lock
    check 'it works again' await 20 grep -q 'works again' predict.err
    check 'the error is counted' metric '^evtwin_predictions_total\{.*outcome="error".*\} [1-9]'
fi
check 'predictions are counted' metric '^battery_predictions_total\S* [1-9]'
check 'and timed' metric '^evtwin_prediction_duration_seconds_count [1-9]'
enough_rows() { ! can_sql || [ "$(sql "$store" 'SELECT COUNT(*) FROM ev_telemetry')" -ge 40 ]; }
check 'rows there are' await 60 enough_rows

# ---- stop the source first, then what drains it ----
for name in sim predict serve; do
    eval "pid=\$$name"
    [ $name != predict ] || sleep 1
    kill -INT "$pid"
    code=0
    wait "$pid" || code=$?
    cp $name.err err
    last="$name, SIGINT"
    expect 0
    err stopping
done

# ---- every row has the prediction made from its own values ----
run evtwin-predict --store "$store" --once
expect 0
if can_sql; then
    check 'none waits' [ "$(sql "$store" \
        'SELECT COUNT(*) FROM ev_telemetry WHERE rul_prediction IS NULL OR failure_probability IS NULL')" -eq 0 ]
    check 'each has its telemetry' [ "$(sql "$store" \
        'SELECT COUNT(*) FROM ev_telemetry WHERE soc IS NULL OR voltage IS NULL OR created_at IS NULL')" -eq 0 ]
    check 'no duplicates' [ "$(sql "$store" 'SELECT COUNT(*) FROM
        (SELECT 1 FROM ev_telemetry GROUP BY battery_id, time, seq HAVING COUNT(*) > 1) AS d')" -eq 0 ]
    sql_csv "$store" 'SELECT battery_id, seq, soc, soh, voltage, current, temperature, charge_cycles, power_consumption
         FROM ev_telemetry ORDER BY battery_id, seq' >rows.csv
    run evtwin-predict --models models --csv rows.csv --out again.csv
    expect 0
    sql_csv "$store" 'SELECT rul_prediction, rul_low, rul_high, failure_probability
         FROM ev_telemetry ORDER BY battery_id, seq' |
        tail -n +2 >stored
    tail -n +2 again.csv | cut -d, -f10-13 >computed
    check 'each row has the prediction of its own values' \
        awk -F, 'NR == FNR { for (i = 1; i <= 4; i++) { of[NR, i] = $i } next }
                 { for (i = 1; i <= 4; i++) {
                       d = $i - of[FNR, i]
                       if (NF != 4 || d * d > (i < 4 ? 1e-8 : 1e-12)) { bad++; if (bad < 4) { print FNR ": " $0 } } } }
                 END { exit bad > 0 || FNR < 40 }' stored computed
fi

# ---- a store that is not there; one with parameters ----
run evtwin-predict --store "$(absent_store absent)" --once
expect 66
check 'and makes none' [ ! -e absent.db ]
run evtwin-predict --store redis://host --once
expect 2
if can_sql; then
    run evtwin-predict --models models --store "$store?busy_timeout_ms=200" --once --metrics-port 0
    expect 0
fi

! on_postgres || finish # the rest is of files and streams

# ---- file to file through the pump ----
run evtwin-sim --dry-run -n 20
cp out records.jsonl
run sh -c 'evtwin-predict --source jsonl:- --sink jsonl:- --metrics-port 0 --interval 0.1 <records.jsonl'
expect 0
check 'twenty records' [ "$(grep -c '^{' out)" -eq 20 ]
run sh -c 'evtwin-predict --source "sim:?speed=max" --sink jsonl:- --metrics-port 0 --interval 0.1 | head -n 1'
check 'a reader that goes away ends it' [ "$(grep -c '^{' out)" -eq 1 ]

for broken in '>/dev/full' '>&-'; do # a standard output that is full or closed ends it as well
    run sh -c "exec evtwin-predict --source jsonl:records.jsonl --sink jsonl:- --metrics-port 0 $broken"
    expect 73
    no_err 'trying again'
done

# invalid records are named, counted and passed over at once; the good ones arrive
for k in $(seq 20); do
    sed -n "${k}p" records.jsonl
    [ "$k" -gt 14 ] || echo 'no record'
done >mixed.jsonl
printf '{"torn": ' >>mixed.jsonl
for once in '' --once; do
    rm -f good.jsonl
    began=$(date +%s)
    run evtwin-predict --source jsonl:mixed.jsonl --sink jsonl:good.jsonl --metrics-port 0 --interval 200 $once
    expect 65
    check 'at once' [ $(($(date +%s) - began)) -lt 100 ]
    check 'all good ones' [ "$(grep -c rul_prediction good.jsonl)" -eq 20 ]
    err 'mixed.jsonl:2:'
    err '20 rows predicted, 0 unknown, 15 records refused, 0 errors; closed'
    check 'the first ten are named' [ "$(grep -c 'refused: ' err)" -eq 10 ]
    no_err 'trying again'
done
# fractions under percent: predicted as they are, and said when they begin and at the end
cat records.jsonl records.jsonl | awk '{
    match($0, /"soc": *[0-9.]+/)
    split(substr($0, RSTART, RLENGTH), pair, ":")
    $0 = substr($0, 1, RSTART - 1) "\"soc\":" pair[2] / 100 substr($0, RSTART + RLENGTH)
    sub(/"seq": *[0-9]+/, "\"seq\":" NR)
    print
}' >fractions.jsonl
run evtwin-predict --models models --source jsonl:fractions.jsonl --sink null: --metrics-port 0 --interval 0.1
expect 0
err 'soc=fraction'
no_err 'soh=fraction'
err "unlike the training data: feature 'soc': all 40 values so far lie within 0 to 1 percent"

run evtwin-predict --source jsonl:mixed.jsonl --sink null: --sink null:
expect 2
err '--sink: duplicate null:'

finish
