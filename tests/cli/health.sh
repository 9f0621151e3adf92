# SPDX-License-Identifier: MIT
# tests/cli/health.sh BIN: a stale answer is not a good answer: the predictor is killed, then the simulator,
# and nothing gets better by it.
. "$(dirname "$0")/assert.sh"
need curl

# says TARGET PATTERN…: one answer that has them all
says() {
    curl -s --max-time 60 "$url$1" >body || return 1
    shift
    for pattern; do grep -qE -e "$pattern" body || return 1; done
}

make_fleet 8 60 >fleet.csv
run evtwin-train -q fleet.csv --out models
expect 0

# a risk of any size is critical here, so that all depends on the prediction
cat >limits.json <<'END'
[{"kind": "status", "quantity": "failure_probability", "level": "CRITICAL", "operator": ">", "limit": -0.5}]
END
store=$(fresh_store live)
evtwin-sim -q --fleet 2 --interval 0.1 --sink "$store" 2>sim.err &
sim=$!
evtwin-predict --models models --store "$store" --interval 0.2 --metrics-port 0 >predict.out 2>predict.err &
predict=$!
evtwin-serve --store "$store" --port 0 --thresholds limits.json --silent-after 1.5 \
    --predictions-stopped-after 1.5 2>serve.err &
url=http://127.0.0.1:$(port_in serve.err)
check 'critical by their predictions' await 20 says /api/batteries/list '"critical":2,"silent":0,.*"without_predictions":0,.*"notice":""'
check 'the terminal says so, and what it needs' await 5 grep -qE 'Failure Risk: [0-9.]+% \| CRITICAL, needs service$' predict.out

kill -KILL $predict
check 'no predictions, and they stay critical' await 60 says /api/batteries/list \
    '"summary":.*"notice":"no predictions for [0-9]+ s"' '"critical":2,"silent":0'
check 'with the last prediction and its age' grep -qE '"prediction":\{[^}]*"failure_probability":0?\.?[0-9e.-]+,[^}]*"age_s":[0-9.]+\}' body
check 'alerts stay' says /api/alerts '"count":2,'
check 'one battery says it too' await 60 says '/api/battery/latest?battery_id=BATTERY_002' '"status":"CRITICAL".*"notice":"no predictions for'
check 'metrics' says /metrics '^evtwin_batteries_without_predictions 2$'
check 'metrics of the age' says /metrics '^evtwin_last_prediction_age_seconds [1-9]'

kill -KILL $sim
check 'no data' await 10 says /api/batteries/list '"silent":2'
check 'a silent battery stays critical' grep -q '"normal":0,"warning":0,"critical":2' body
check 'metrics of silence' says /metrics '^evtwin_silent_batteries 2$'
if command -v promtool >/dev/null; then
    curl -s "$url/metrics" >metrics.txt
    check 'promtool' sh -c 'promtool check metrics <metrics.txt'
fi

# back again: both goes away
evtwin-sim -q --fleet 2 --interval 0.1 --sink "$store" 2>sim.err &
evtwin-predict --models models --store "$store" --interval 0.2 --metrics-port 0 >predict.out 2>predict.err &
check 'all is of now' await 10 says /api/batteries/list '"critical":2,"silent":0,.*"without_predictions":0,.*"notice":""'
finish
