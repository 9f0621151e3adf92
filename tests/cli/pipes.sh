# SPDX-License-Identifier: MIT
# tests/cli/pipes.sh BIN: a named pipe whose other end never comes does not hold a signal up, whatever
# it stands for; devices are not read.
. "$(dirname "$0")/assert.sh"

evtwin-sim --until-eol --fleet 8 --seed 1 --record-days 30 --csv fleet.csv -q
evtwin-train fleet.csv --out models -q >/dev/null
mkfifo pipe pipe.json
mkdir piped part
mkfifo piped/manifest.json
cp models/* part
rm part/rul_model.json
mkfifo part/rul_model.json

# opens CODE CMD…: the tool waits in the opening of a pipe when the signal comes, and ends with CODE:
# 143 for a job that was not done, 0 for a service that had not begun.
opens() {
    want=$1
    shift
    stopped TERM begun "$@"
    expect "$want"
    err 'stopped; '
}
opens 143 evtwin-train pipe --out new
opens 0 evtwin-predict --models models --source csv:pipe --sink null: --metrics-port 0
opens 143 evtwin-predict --models models --csv pipe --out out.csv
opens 143 evtwin-predict --models piped --csv fleet.csv --out out.csv
opens 143 evtwin-predict --models part --csv fleet.csv --out out.csv
opens 143 evtwin-sim --until-eol --fleet 2 --record-days 100 --csv pipe
opens 0 evtwin-sim --cell ./pipe.json
opens 0 evtwin-sim --drive-cycle pipe
opens 0 evtwin-serve --thresholds pipe --store sqlite:s.db --port 0
check 'no bundle' [ ! -e new ]

# live, it is a service that is stopped: also while its pipe pauses
stopped TERM begun evtwin-predict --models models --source jsonl:pipe --sink null: --metrics-port 0
expect 0
prepare='{ head -n 3 fleet.csv; : >half_read; exec sleep 1000; } >pipe &'
stopped TERM '[ -e half_read ] && begun' evtwin-predict --models models --source csv:pipe \
    --sink null: --metrics-port 0 --interval 0.1
expect 0
prepare=:

# ---- what never ends, and what is too large ----
run evtwin-serve --thresholds /dev/zero --store sqlite:s.db --port 0
expect 65
err '/dev/zero: is a device'
run evtwin-train /dev/zero --out new
expect 65
err '/dev/zero: is a device'
truncate -s 2G large.json
run evtwin-sim --cell ./large.json
expect 65
err 'large.json: is larger than'
finish
