# SPDX-License-Identifier: MIT
# tests/cli/options.sh BIN: what all tools do with options, environment and configuration file.
. "$(dirname "$0")/assert.sh"

for tool in evtwin-train evtwin-sim evtwin-ingest evtwin-predict evtwin-serve; do
    run $tool --help
    expect 0
    out "Usage: $tool"
    out 'Examples:'
    out 'Exit codes:'
    out '--print-config'
    check 'help wraps at 100 columns' sh -c "! grep -E '.{101}' '$work/out' | grep -v Usage"

    run $tool --version
    expect 0
    out "$tool 0."
    out 'libevtwin 0.'
    out 'jansson'

    run $tool --print-config
    expect 0
    out '# default'

    run $tool --verison
    expect 2
    err 'unknown option --verison; did you mean --version?'
    one_line
    run $tool --zzzzzzzz
    expect 2
    err "unknown option --zzzzzzzz; see $tool --help"
    run $tool -Z
    expect 2
    err 'unknown option -Z'
    run $tool --config
    expect 2
    err '--config needs FILE'
    run $tool --quiet=3
    expect 2
    err '--quiet takes no argument'
    run $tool --config absent.conf
    expect 78
    err 'absent.conf'
    one_line

    printf '# a comment\n\nquiet = perhaps\n' >bad.conf
    run $tool --config bad.conf
    expect 78
    err "bad.conf:3: quiet: 'perhaps' is neither true nor false"
    printf 'quiet = yes\ncolour = no\n' >bad.conf
    run $tool --config bad.conf
    expect 78
    err "bad.conf:2: unknown name 'colour'"
    printf 'just words\n' >bad.conf
    run $tool --config bad.conf
    expect 78
    err "bad.conf:1: 'just words' is not a"
    run sh -c "$tool --help >/dev/full"
    expect 73
    err 'No space left on device'
done

# ---- flag over environment over file over default; lists start afresh ----
printf 'interval = 3 # seconds\nfleet = 4\nsink = csv:a.csv\nsink = null:\n' >sim.conf
run evtwin-sim --print-config
out 'interval = 2 '
run evtwin-sim --config sim.conf --print-config
expect 0
check 'file beats default' grep -q 'interval = 3 .*# file sim.conf' out
check 'both sinks of the file' [ "$(grep -c '^sink = ' out)" -eq 2 ]
TELEMETRY_INTERVAL=5 run evtwin-sim --config sim.conf --print-config
check 'environment beats file' grep -q 'interval = 5 .*# environment TELEMETRY_INTERVAL' out
TELEMETRY_INTERVAL=5 run evtwin-sim --config sim.conf --interval 7 --sink null: --print-config
check 'flag beats environment' grep -q 'interval = 7 .*# flag' out
check 'the rest is of the file' grep -q 'fleet = 4 .*# file' out
check 'a list of flags replaces that of the file' [ "$(grep -c '^sink = ' out)" -eq 1 ]
TELEMETRY_INTERVAL='' run evtwin-sim --print-config
check 'an empty variable is none' grep -q 'interval = 2 .*# default' out
TELEMETRY_INTERVAL=soon run evtwin-sim --dry-run
expect 78
err "TELEMETRY_INTERVAL: 'soon' is not a number"
one_line

# what it prints it also reads
run evtwin-sim --config sim.conf --seed 9 --print-config
cp out again.conf
run evtwin-sim --config again.conf --print-config
check 'print-config can be read back' [ "$(sed 's/ *#.*//' out)" = "$(sed 's/ *#.*//' again.conf)" ]

# ---- numbers are read strictly ----
for value in '' x 1x 0x10 ' 1' 1e999 nan inf 1.5 -1 0 1000001 99999999999999999999; do
    run evtwin-sim --fleet "$value" --dry-run
    expect 2
    err "--fleet: '$value' is not a whole number from 1 to 1000000"
    one_line
done
for value in '' x 1..2 1e nan inf 1,5 1e-9 1e9; do
    run evtwin-sim --interval "$value" --dry-run
    expect 2
    err "--interval: '$value' is not a number from 0.001 to 86400"
done
run evtwin-sim --interval=2.5e0 --fleet=+3 --print-config
expect 0
out 'interval = 2.5e0'

run evtwin-sim --fleet 2 -- --dry-run
expect 2
err "unexpected argument '--dry-run'"

# ---- metrics: an option that nothing would come of is refused, in a file it is a warning ----
for tool in 'evtwin-sim --sink null: --duration 10 --speed max' 'evtwin-ingest --source jsonl:/dev/null --sink null:' \
    'evtwin-predict --source jsonl:/dev/null --sink null: --metrics-port 0'; do
    for option in --metrics-listen=127.0.0.1 --metrics-token-file=t --metrics-tls-cert=c --metrics-tls-key=k --insecure-listen; do
        run $tool $option
        expect 2
        err "${option%%=*} needs a port of metrics: --metrics-port is 0"
        one_line
    done
    run $tool --insecure-listen --check
    expect 2
done
printf 'metrics-listen = 0.0.0.0\n' >metrics.conf
run evtwin-sim --config metrics.conf --sink null: --duration 10 --speed max
expect 0
err 'metrics.conf: metrics-listen changes nothing: --metrics-port is 0'
run evtwin-predict --insecure-listen --once
expect 2
err '--once without --metrics-port serves no metrics'
METRICS_PORT=0 run evtwin-predict --insecure-listen
expect 2
err '--insecure-listen needs a port of metrics: METRICS_PORT is 0'
for option in --metrics-port=9101 --metrics-listen=127.0.0.1; do
    run evtwin-predict --csv in.csv --out out.csv $option
    expect 2
    err "${option%%=*} belongs to a live run; --csv serves no metrics"
    run evtwin-sim --until-eol --csv out.csv $option
    expect 2
    err "--until-eol serves no metrics"
    run evtwin-sim --dry-run $option
    expect 2
    err "--dry-run serves no metrics"
done
run evtwin-sim --dry-run -n 1 --metrics-port 0 --config metrics.conf
expect 0

# ---- a closed standard descriptor does not become that of a file ----
code=0
evtwin-sim --fleet 2 --speed max --duration 20 --sink jsonl:closed.jsonl <&- >&- 2>&- || code=$?
check 'the job is done without them' [ $code -eq 0 ]
check 'nothing but records is in the file' [ "$(grep -c '^{"timestamp"' closed.jsonl)" -eq "$(wc -l <closed.jsonl)" ]
code=0
evtwin-sim --fleet 2 --speed max --duration 20 --sink jsonl:- <&- >&- 2>err || code=$?
check 'records for a closed output are not said to be delivered' [ $code -ne 0 ]

finish
