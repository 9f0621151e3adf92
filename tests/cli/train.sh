# SPDX-License-Identifier: MIT
# tests/cli/train.sh BIN: evtwin-train on good data and on everything that can be wrong with it.
. "$(dirname "$0")/assert.sh"
train() { run evtwin-train "$@" --out m; }

# nothing half-written: a failed training leaves no bundle
refused() {
    expect "$1"
    one_line
    check 'nothing was written' [ ! -e m ]
    rm -rf m
}

# ---- what it does ----
make_fleet 12 60 >fleet.csv
train fleet.csv
expect 0
check 'the contract line of the RUL model' \
    grep -qE '^RUL Model - R² Score: -?[0-9]+\.[0-9]{4}, RMSE: [0-9]+\.[0-9]{2} cycles$' out
check 'the contract line of the failure model' \
    grep -qE '^Failure Model - Accuracy: [01]\.[0-9]{4}, AUC: [01]\.[0-9]{4}$' out
check 'the last line says where' [ "$(tail -n 1 out)" = 'Models saved to: m/' ]
out 'base rate'
out 'mean life'
out 'Importance'
for file in rul_model.json failure_model.json scaler.json manifest.json; do
    check "$file is there" [ -s m/$file ]
done
check 'and nothing else' [ "$(find m -type f | wc -l)" -eq 4 ]
manifest_is_documented m/manifest.json

# what the labels mean goes with the models
train fleet.csv --label-rule 'capacity below 80 % of new'
expect 0
check 'the bundle records the label rule' grep -q '"label_rule": "capacity below 80 % of new"' m/manifest.json
rm -rf m
train fleet.csv

# the same seed gives the same models, whatever the number of threads
cp -r m first
train fleet.csv --threads 1
check 'RUL model is repeatable' cmp m/rul_model.json first/rul_model.json
check 'failure model is repeatable' cmp m/failure_model.json first/failure_model.json

# one assignment of batteries to folds may be lucky
train fleet.csv --cv 3 --repeat 2 --target rul --failure-target none
expect 0
out '2 assignments to folds'
out '90 % interval'
train fleet.csv --repeat 2
expect 2
err '--repeat needs --cv'

# parameters are searched for before the training, which the report says
train fleet.csv --tune 2 --target rul --failure-target none
expect 0
out 'of 0 to 1 is best'
out 'without a search'
check 'the bundle says so' grep -Eq '"tried": ?2[,}]' m/manifest.json
train fleet.csv --tune 2 --cv 3 --repeat 2
expect 2
err '--tune and --repeat are mutually exclusive'

# a collective needs its tracker, and the whole of a file
train fleet.csv --together
check 'refused' [ "$code" -ne 0 ]
err 'DMLC_TRACKER_URI'

# one JSON object and nothing else on standard output
train fleet.csv --json --cv 3
expect 0
check 'one object' [ "$(head -n 1 out | cut -c1)$(tail -n 1 out | tail -c 2 | head -c 1)" = '{}' ]
no_out 'Models saved'
for key in '"rul"' '"r2"' '"folds"' '"baselines"' '"countdown"' '"single_feature"' '"failure"' \
    '"average_precision"' '"brier"' '"base_rate"' '"split"' '"audit"' '"signal"' '"models"'; do
    out "$key"
done
if command -v python3 >/dev/null; then
    check 'is JSON' python3 -c 'import json, sys; d = json.load(sys.stdin); assert len(d["rul"]["folds"]) == 3' <out
fi

run evtwin-train fleet.csv --quiet --out q/deep
expect 0
check 'quiet is three lines' [ "$(wc -l <out)" -eq 3 ]
check 'quiet says nothing else' [ ! -s err ]
check 'parents of the folder are made' [ -s q/deep/manifest.json ]

# one target alone, by choice and because the other is absent
train fleet.csv --failure-target none
expect 0
no_out 'Failure Model'
no_out failure
rm -rf m
train fleet.csv --target none
expect 0
no_out RUL
rm -rf m
cut -d, -f1-11 fleet.csv >rul_only.csv
train rul_only.csv
expect 0
out 'RUL Model'
no_out 'Failure Model'
rm -rf m

# features and groups by name
train fleet.csv --features soh,charge_cycles --group battery_id
expect 0
check 'two features' grep -q soh out
rm -rf m

# ---- what can be wrong ----
train absent.csv
refused 66
err 'absent.csv'

: >empty.csv
train empty.csv
refused 65

head -n 1 fleet.csv >header.csv
train header.csv
refused 65

head -n 2 fleet.csv >one.csv
train one.csv
refused 65

cut -d, -f1-2,5- fleet.csv >missing.csv
train missing.csv
refused 65
err 'soc, soh'

sed '17s/,2[0-9]\.[0-9]*,/,abc,/; 17s/^\([^,]*,[^,]*\),[^,]*,/\1,abc,/' fleet.csv >text.csv
train text.csv
refused 65
err "text.csv:17:"
err "'abc' is not a number"

run sh -c 'evtwin-train - --out m <text.csv' # the value is named at the first reading
refused 65
err "standard input:17:"
err "'abc' is not a number"

for word in inf -Infinity 1e999 '#VALUE!'; do
    sed "9s/^\([^,]*,[^,]*\),[^,]*,/\1,$word,/" fleet.csv >nan.csv
    train nan.csv
    refused 65
    err 'nan.csv:9:'
done

# a line of 10 MB
{
    head -n 3 fleet.csv
    head -c 10000000 /dev/zero | tr '\0' 7
    echo
} >long.csv
train long.csv
refused 65
err 'long.csv:4'

# cut off in the middle of the last line: a row of another width
head -c -30 fleet.csv >cut.csv
train cut.csv
refused 65
err "cut.csv:$(wc -l <fleet.csv)"

# values outside the unit's range name the override that mends them, if there is one
sed 's/,BATTERY_001,\([0-9.]*\),/,BATTERY_001,4\1,/' fleet.csv >range.csv
train range.csv
refused 65
err 'soc'
err 'leave the field empty'
awk -F, 'BEGIN { OFS = "," } NR > 1 { $5 *= 1000 } 1' fleet.csv >mv.csv
train mv.csv
refused 65
err 'voltage=mV; --unit takes it'

# what the header has behind a name is named
sed '1s/,soc,/,soc [%],/' fleet.csv >header.csv
train header.csv
refused 65
err "unit off the name 'soc [%]'"

# a label that cannot be is not a matter of units
awk -F, -v OFS=, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "rul") c = i } NR == 2 { $c = -5 } 1' fleet.csv >negative.csv
train negative.csv
refused 65
err 'rul'
no_err '--unit'

# one battery has one row: perhaps a wrong --group, unless it is meant
{
    cat fleet.csv
    sed -n '2s/BATTERY_001/BATTERY_900/p' fleet.csv
} >single.csv
train single.csv
refused 65
err BATTERY_900
err '--group names it; --allow-single-rows'
no_err allow_single_rows
train single.csv --allow-single-rows
expect 0
rm -rf m

# ---- one battery by two names, several by none ----
make_fleet 12 12 >few.csv
rul() { train "$@" --failure-target none; }
no_doubts() {
    for cause in similar-names battery-in-groups repeated-rows several-series group-unused; do
        no_out "\"$cause\""
    done
    no_err warning
}
rul few.csv --json
no_doubts

# an id with a blank behind it, in the third data row, is refused as everywhere
sed '4s/,BATTERY_001,/,BATTERY_001 ,/' few.csv >blank.csv
rm -rf m
rul blank.csv
refused 65
err "data row 3 of column 'battery_id': 'BATTERY_001 '"
err 'blank'

# names of a column that the caller chose: alike but for a blank, said beside the report too
sed '1s/battery_id/vin/; 2,9s/,BATTERY_001,/,battery_001 ,/' few.csv >alike.csv
rul alike.csv --group vin --json --quiet
expect 0
one_line
err 'warning: alike.csv: 1 of 13 names'
err "'battery_001 '"
out '"similar-names"'

# a battery that is in two groups
awk -F, -v OFS=, '{ print $0, NR == 1 ? "vin" : NR % 2 && /BATTERY_003/ ? "BATTERY_004" : $2 }' few.csv >moved.csv
rul moved.csv --group vin --json
expect 0
out '"battery-in-groups"'
err '--group battery_id'
rul moved.csv --json
no_doubts

# the whole fleet again under other ids
{ cat few.csv; tail -n +2 few.csv | sed 's/BATTERY/COPY/'; } >twice.csv
rul twice.csv --json
expect 0
out '"repeated-rows"'
err 'COPY_'

# batteries one below the other without a name: the option that mends it is named
cut -d, -f3- few.csv >series.csv
rul series.csv --json
expect 0
out '"several-series"'
err "column 'charge_cycles' falls 11 times"
err '--group-by-reset charge_cycles'
rul series.csv --json --group-by-reset charge_cycles
expect 0
no_doubts
cut -d, -f2- few.csv | sed '1s/battery_id/cell/' >cells.csv
rul cells.csv --json
err '--group cell'
rul cells.csv --json --group cell
no_doubts
rm -rf m

# numbers that a model cannot hold
awk -F, -v OFS=, 'NR == 8 { $11 = "1e39" } { print }' fleet.csv >huge.csv
train huge.csv
refused 65
err "data row 7 of column 'rul' is 1e39"
err '3.4028235e38'
no_err '--unit'

# one class only
awk -F, -v OFS=, 'NR > 1 { $12 = 0 } { print }' fleet.csv >oneclass.csv
train oneclass.csv --target none
refused 65
train oneclass.csv
refused 65
err 'leave the target out (--failure-target none)'
train oneclass.csv --failure-target none
expect 0
rm -rf m

# what is meant is near, or hidden by blanks, case or another separator
train fleet.csv --group nosuch
refused 65
err 'required column missing: nosuch'
err 'the file has time, battery_id'
run sh -c 'evtwin-train - --group nosuch --out m <fleet.csv'
refused 65
err 'required column missing: nosuch'
train fleet.csv --group soc --features soc,soh
refused 65
err 'column soc must be numbers, and is named as a group too'
train fleet.csv --group batery_id
refused 65
err "did you mean 'battery_id'?"
awk -F, -v OFS=, '{ for (i = 1; i <= 30; i++) { $(12 + i) = NR == 1 ? "extra_" i : i } print }' fleet.csv >wide.csv
train wide.csv --group nosuch
refused 65
err ' and 30 more;'
no_err extra_2
sed '1s/soh/SOH/' fleet.csv >case.csv
train case.csv
refused 65
err "'SOH' differs by blanks or case"
run sh -c 'evtwin-train - --group nosuch --out m <fleet.csv'
refused 65
err nosuch

# one series: cross-validation has nothing to fold
grep -e time -e BATTERY_012 fleet.csv >series.csv
train series.csv --cv 5
refused 65
err 'or leave it out'
err '--group'
train series.csv --failure-target none
expect 0
rm -rf m
mkdir -p bad
head -n 2 fleet.csv >bad/one.csv
train bad/one.csv
refused 65
err 'evtwin-train: bad/one.csv has 1 row, '

# ---- in pieces ----
train fleet.csv --json
mv out whole.json
cp m/rul_model.json whole_rul.json
train fleet.csv --in-pieces --scratch . --json
expect 0
check 'in pieces the report is the same' cmp out whole.json
check 'and so is the model' cmp m/rul_model.json whole_rul.json
check 'the temporary file is gone' [ -z "$(find . -name 'evtwin-rows*')" ]
rm -rf m
for option in '--cv 3' '--tune 4' '--group-by-reset charge_cycles' '--recipe history' '--audit-only'; do
    train fleet.csv --in-pieces $option
    refused 2
    err 'needs the whole file in memory'
done
train fleet.csv --scratch .
refused 2
err '--in-pieces'
train fleet.csv --in-pieces --scratch nowhere
refused 73
err 'nowhere: no temporary file can be made there'
{ cat fleet.csv && sed -n 2p fleet.csv; } >torn.csv
train torn.csv --in-pieces
refused 65
err 'line 722: rows of battery'
# a target or feature that is not there, or must not be used
train fleet.csv --target life
refused 65
err 'life'
train fleet.csv --features soc,truth_soh
expect 2
err 'truth_soh'
train fleet.csv --target none --failure-target none
check 'no target at all is refused' [ "$code" -ne 0 ]
check 'and writes nothing' [ ! -e m ]
train fleet.csv --unit soc=furlong
expect 2
err 'furlong'
train fleet.csv --unit socks=percent
expect 2
train fleet.csv --group battery_id --group-by-reset charge_cycles
expect 2
train
expect 2
err 'which CSV'

# ---- outputs that cannot be made ----
: >afile
run evtwin-train fleet.csv --out afile
expect 73
one_line
err 'afile'
check 'the file is untouched' [ ! -s afile ]
run evtwin-train fleet.csv --out afile/deep
expect 73
# a folder that is read-only, and one that is full: mounted where only this test sees them
if unshare -rm sh -c 'mount -t tmpfs none /mnt' 2>/dev/null; then
    on_disk() { run unshare -rm sh -c "mkdir -p disk && mount -t tmpfs -o $1 none disk && $2"; }
    on_disk size=1m,ro 'evtwin-train fleet.csv --out disk'
    expect 73
    one_line
    on_disk size=1m,ro 'evtwin-train fleet.csv --out disk/m'
    expect 73
    on_disk size=64k 'evtwin-train -q fleet.csv --out disk/m; code=$?; [ ! -d disk/m ] || ls -A disk/m >&2; exit $code'
    expect 73
    err 'No space left'
    check 'nothing half-written' [ "$(wc -l <err)" -eq 1 ]
    on_disk size=32k 'evtwin-train -q fleet.csv --in-pieces --scratch disk --out m'
    refused 73
    err 'No space left'
    err 'name a folder with more room'
else
    echo 'skipped: a read-only and a full folder (no user namespaces here)'
fi
run sh -c 'evtwin-train fleet.csv --out full --json >/dev/full'
expect 73

# a reader that goes away is no reason for noise
run sh -c '{ evtwin-train fleet.csv --out pipe; echo $? >&3; } 3>code | true'
check 'an error code' [ "$(cat code)" -ne 0 ]
check 'without a word of a broken pipe' [ "$(grep -ci 'pipe:\|broken' err)" -eq 0 ]

# ---- Ctrl-C, SIGTERM: the job is not done, nothing is saved ----
make_fleet 40 2000 >large.csv
for part in reading training; do # 40 folds: the training lasts on any machine
    stopped INT "stage $part" evtwin-train large.csv --cv 40 --out m
    refused 130
    err 'nothing was saved'
done
stopped TERM 'stage reading' evtwin-train - --out m
refused 143

finish
