# SPDX-License-Identifier: MIT
# tests/cli/audit.sh BIN: evtwin-train --audit-only and --allow: what is refused, what is a warning, what a bundle records.
. "$(dirname "$0")/assert.sh"
audit() { run evtwin-train --audit-only "$@"; }

make_fleet 24 60 >fleet.csv
audit fleet.csv
expect 0
out 'nothing that would leak'
no_err .
check 'nothing was trained' [ ! -e models ]

# a countdown to one end is refused, by both ways to train
awk -F, -v OFS=, 'NR > 1 { $11 = 2000 - $8 } 1' fleet.csv >countdown.csv
audit countdown.csv
expect 65
one_line
err '1 reason'
err '--allow CAUSE'
out 'rul is 2000 - 1 x charge_cycles'
out '(countdown)'
run evtwin-train countdown.csv --out m
expect 65
one_line
err '(countdown)'
err 'rul'
check 'and no bundle is written' [ ! -e m ]

# unless its cause is named: then it is a warning, and the bundle says so
audit countdown.csv --allow countdown
expect 0
out 'warning'
out 'allowed'
run evtwin-train countdown.csv --failure-target none --allow countdown --out m
expect 0
err 'warning: countdown.csv: rul is 2000'
check 'the bundle records it' grep -q '"allowed": "countdown"' m/manifest.json
run evtwin-train fleet.csv --failure-target none --allow countdown --out n
expect 0
check 'but not what there was no need to allow' [ "$(grep -c '"allowed": "[a-z]' n/manifest.json)" -eq 0 ]
audit fleet.csv --allow nosuch
expect 2
err nosuch
err countdown

# two of the same battery, and a look ahead
{
    cat fleet.csv
    sed -n '/BATTERY_003/s//BATTERY_903/p' fleet.csv
} >twice.csv
audit twice.csv
expect 65
out "'BATTERY_903'"
out '(same-battery)'
awk -F, -v OFS=, 'NR == 1 { print $0, "next"; next } NR > 2 { print row, $4; } { row = $0 } END { print row, "" }' fleet.csv >ahead.csv
audit ahead.csv # not among the features: nothing is used
expect 0
audit ahead.csv --features soc,soh,charge_cycles,next --json
expect 65
out '"cause": "future-value"'
out '"column": "next"'
out '"refusals": 1'
check 'one object' [ "$(head -n 1 out | cut -c1)$(tail -n 1 out | tail -c 2 | head -c 1)" = '{}' ]

# groups that are rows
awk -F, -v OFS=, '{ print $0, NR == 1 ? "row" : NR }' fleet.csv >rows.csv
audit rows.csv --group row
expect 65
out '(battery-in-groups)'
out '(one-row-groups)'
audit rows.csv --group row --allow battery-in-groups,one-row-groups
expect 0
audit rows.csv --group row --allow battery-in-groups --allow one-row-groups # each counts
expect 0

# ---- bad input: an error or a finding ----
head -n 61 fleet.csv >one.csv # one battery
audit one.csv
expect 0
out '(one-series)'
awk -F, -v OFS=, 'NR > 1 { $11 = "" } 1' fleet.csv >censored.csv # none ended
audit censored.csv
expect 65
err rul
awk -F, -v OFS=, 'NR > 1 { $7 = 25; $5 = 350 } 1' fleet.csv >constant.csv
audit constant.csv
expect 0
out '(stuck-sensor)'
awk -F, -v OFS=, 'NR > 1 && NR % 3 == 0 { $4 = $6 = "" } 1' fleet.csv >gaps.csv
audit gaps.csv
expect 0
no_err .
awk -F, -v OFS=, 'NR > 1 { sub(/2024-01-../, "2024-01-0" 1 + NR % 3, $1) } 1' fleet.csv >clock.csv
audit clock.csv
expect 0
out '(clock-set-back)'
make_fleet 10000 1 >single.csv
audit single.csv --failure-target none --allow-single-rows
expect 0
audit single.csv --failure-target none
expect 65
out '(one-row-groups)'

finish
