# SPDX-License-Identifier: MIT
# tests/cli/predict.sh BIN: evtwin-predict on files, with good and with damaged bundles.
. "$(dirname "$0")/assert.sh"

make_fleet 12 60 >fleet.csv
run evtwin-train -q fleet.csv --out models
expect 0

predict() { run evtwin-predict "$@" --out out.csv; }
refused() {
    expect "$1"
    one_line
    check 'no output file' [ ! -e out.csv ]
    rm -f out.csv
}

# ---- what it does ----
cut -d, -f1-10 fleet.csv >in.csv
predict --csv in.csv
expect 0
check 'as many rows' [ "$(wc -l <out.csv)" -eq "$(wc -l <in.csv)" ]
check 'the columns of the input and the predictions' \
    [ "$(head -n 1 out.csv)" = "$(head -n 1 in.csv),rul_prediction,rul_low,rul_high,failure_probability" ]
check 'every row is predicted' \
    [ "$(awk -F, 'NR > 1 && $11 != "" && $14 >= 0 && $14 <= 1' out.csv | wc -l)" -eq 720 ]
check 'from low to high, around the prediction' \
    [ "$(awk -F, 'NR > 1 && $12 >= 0 && $12 <= $11 && $11 <= $13' out.csv | wc -l)" -eq 720 ]
check 'the numbers of the input are kept' \
    [ "$(cut -d, -f3-4 out.csv | awk -F, 'NR > 1 { s += $1 + $2 } END { printf "%.4f", s }')" = \
        "$(cut -d, -f3-4 in.csv | awk -F, 'NR > 1 { s += $1 + $2 } END { printf "%.4f", s }')" ]
rm -f out.csv

# to standard output, messages apart
run evtwin-predict --csv in.csv --out -
expect 0
check 'a clean stream' [ "$(wc -l <out)" -eq "$(wc -l <in.csv)" ]
run sh -c '{ evtwin-predict --csv in.csv --out - -q; echo $? >&3; } 3>code | true'
check 'a reader that goes away' [ "$(cat code)" -eq 1 ]
check 'without a word' [ ! -s err ]
run sh -c 'evtwin-predict --csv in.csv --out - >/dev/full'
expect 73
one_line
err 'evtwin-predict: standard output: No space left on device'

# a missing value: unknown with a reason, the other rows as before
sed '5s/^\([^,]*,[^,]*\),[^,]*,/\1,,/' in.csv >hole.csv
predict --csv hole.csv
expect 0
check 'a note column' grep -q ',prediction_note$' out.csv
check 'the reason' [ "$(sed -n 5p out.csv | grep -c 'soc is missing')" -eq 1 ]
check 'no number' sh -c 'sed -n 5p out.csv | cut -d, -f11-14 | grep -qx ,,,'
check 'only there' [ "$(grep -c 'is missing' out.csv)" -eq 1 ]
rm -f out.csv

# reasons: a feature, its value, what it does; none where there is no prediction
predict --csv hole.csv --explain 2
expect 0
check 'columns of reasons' [ "$(head -n 1 out.csv | cut -d, -f11-)" = \
    rul_prediction,rul_low,rul_high,failure_probability,rul_reasons,failure_reasons,prediction_note ]
check 'a number of cycles' [ "$(grep -cE '(state of health [0-9.]+ %|charge cycles "?[0-9,]+): [+−][0-9,.]+ cycles' out.csv)" -gt 500 ]
check 'points, about' [ "$(grep -cE ': about [+−][0-9.]+ points' out.csv)" -gt 500 ]
check 'none without a prediction' [ "$(sed -n 5p out.csv | grep -cE 'cycles|points')" -eq 0 ]
rm -f out.csv
predict --csv hole.csv --explain
expect 0
mv out.csv bare.csv
predict --csv hole.csv --explain=3
expect 0
check 'three without a number' cmp bare.csv out.csv
rm -f bare.csv out.csv
run evtwin-predict --source csv:in.csv --sink jsonl:reasons.jsonl --explain 2 --spool spool
expect 2
one_line
run evtwin-predict --source csv:in.csv --sink jsonl:reasons.jsonl --explain 2 --once -q
expect 0
check 'objects' [ "$(grep -cE ',"rul_reasons":\{"mean":[0-9.e-]+,"answer":[0-9.e-]+,"reasons":\[\{"feature":"[a-z_]+","value":.*\}\]\},"failure_reasons":\{.*\]\}\}$' reasons.jsonl)" -eq 720 ]
check 'with intervals' [ "$(grep -c '"rul_low":' reasons.jsonl)" -eq 720 ]
check 'JSON' sh -c 'command -v python3 >/dev/null || exit 0; python3 -c "import json, sys; [json.loads(l) for l in sys.stdin]" <reasons.jsonl'
rm -f reasons.jsonl

# its own output is an input again
predict --csv in.csv
cp out.csv again.csv
predict --csv again.csv
check 'the same again' cmp out.csv again.csv
cp out.csv plain.csv

# whatever else a file holds comes out byte for byte: nameless columns, ids, quotes, line ends, times
# and text where telemetry nobody uses should be
awk -F, -v OFS=, 'NR == 1 { print "", $0, "vin", "\"a \"\"b\"\"\"", "sim_time_s" }
    NR > 1 { $1 = "yesterday"; $10 = "maybe"; print NR, $0, "0012E4", "\"9007199254740993,1.10\"", "soon" }' \
    in.csv | sed 's/$/\r/' >odd.csv
predict --csv odd.csv
expect 0
sed 's/\(,[^,]*\)\{4\}$/\r/' out.csv >kept.csv
check 'the file as it was' cmp kept.csv odd.csv
check 'the predictions as of the plain file' \
    [ "$(sed 's/.*,\([^,]*,[^,]*,[^,]*,[^,]*\)\r$/\1/' out.csv | md5sum)" = \
        "$(sed 's/.*,\([^,]*,[^,]*,[^,]*,[^,]*\)$/\1/' plain.csv | md5sum)" ]

# semicolons and decimal commas, below a title: the output is in the same dialect
{ echo 'Report of the week'; tr ',.' ';,' <in.csv; } >german.csv
predict --csv german.csv
expect 65
err '--skip-lines 1 '
run evtwin-predict --csv german.csv --out out.csv --skip-lines 1
expect 0
err "separated by ';', the decimal sign is ','"
check 'the same predictions' \
    [ "$(sed 1d out.csv | cut -d';' -f11-14 | tr ',;' '.,' | md5sum)" = "$(cut -d, -f11-14 plain.csv | md5sum)" ]
cut -d';' -f1-10 out.csv >kept.csv
check 'the same file' cmp kept.csv german.csv
run evtwin-predict --csv german.csv --out - --skip-lines 1 --delimiter ';' --decimal . -q
expect 65
err "german.csv:3:"
err "--decimal , (decimal= in a URI)"
run evtwin-predict --csv in.csv --out - --delimiter xx
expect 2
run evtwin-predict --csv in.csv --out - --delimiter 7
expect 2
run evtwin-predict --once --delimiter ';'
expect 2
rm -f out.csv

# a source takes the same as parameters
run evtwin-predict --once --metrics-port 0 -q --source 'csv:german.csv?skip_lines=1&delimiter=%3B&decimal=,&time_format=%25FT%25T%25z' \
    --sink jsonl:german.jsonl
expect 0
run evtwin-predict --once --metrics-port 0 -q --source csv:in.csv --sink jsonl:plain.jsonl
expect 0
check 'the same records' cmp german.jsonl plain.jsonl
run evtwin-predict --once --metrics-port 0 -q --source 'csv:german.csv?delimiter=xx' --sink null:
expect 2

# fractions under a name in percent
awk -F, -v OFS=, 'NR > 1 { $3 /= 100 } { print }' in.csv >fraction.csv
predict --csv fraction.csv
refused 65
err 'state its unit with --unit (unit= in a URI): soc=fraction, or soc=percent if that is right'
predict --csv fraction.csv --unit soc=fraction
expect 0
check 'the same scale' [ "$(wc -l <out.csv)" -eq 721 ]
predict --csv fraction.csv --unit soc=percent
expect 0
head -n 6 fraction.csv >few.csv
predict --csv few.csv
expect 0
err 'soc=fraction'
awk -F, -v OFS=, 'NR == 9 { $3 = 1 } { print }' in.csv >low.csv
predict --csv low.csv
expect 0
rm -f out.csv

# ---- input that is wrong ----
predict --csv absent.csv
refused 66
cut -d, -f1-3,5- in.csv >nosoh.csv
predict --csv nosoh.csv
refused 65
err soh
sed '7s/^\([^,]*,[^,]*\),[^,]*,/\1,much,/' in.csv >text.csv
predict --csv text.csv
refused 65
err 'text.csv:7:'
run evtwin-predict --csv in.csv --out absent/out.csv
expect 73
one_line
run evtwin-predict --csv in.csv --out /dev/full
check 'a full disk' [ "$code" -ne 0 ]
run evtwin-predict --csv in.csv
expect 2
predict
expect 2
run evtwin-predict --sink null:
expect 2
run evtwin-predict --source csv:in.csv
expect 2

# ---- what would be needed, and what is there ----
sed '1s/soh/SOH /' in.csv >case.csv
predict --csv case.csv
refused 65
err "'SOH' differs by blanks or case"
sed '1s/soh/sohh/' in.csv >typo.csv
predict --csv typo.csv
refused 65
err "soh (did you mean 'sohh'?)"

# ---- what is presumed is said ----
awk -F, -v OFS=, 'NR == 1 { $6 = "Battery_Current"; $9 = "Power_Consumption" }
    NR > 1 { sub(/Z$/, "", $1); $6 = -$6; $9 = $9 / 1000 } { print }' in.csv >presumed.csv
predict --csv presumed.csv
expect 0
err '720 times without an offset were taken as UTC'
err 'presumed to be in kW'
err "'Battery_Current' is negative in every row"
err "feature 'current': 720 of 720 values (-120 to -50.25) are outside the range of the training data"
err 'rul_low and rul_high are a guess: they are made from the errors on 10 batteries'
check 'each once' [ "$(wc -l <err)" -eq 6 ]
predict --csv presumed.csv --quiet
check 'quiet, but for the warning' [ "$(grep -c warning: err)/$(wc -l <err)" = 1/1 ]
head -n 2 in.csv >one.csv
predict --csv one.csv
err ': 1 row predicted'
rm -f out.csv

# values that the models never saw, half of a battery's or more: counted, named with their range, predicted all the same
awk -F, -v OFS=, 'NR > 1 && NR < 62 { $7 = 60 + NR } { print }' in.csv >hot.csv
predict --csv hot.csv
expect 0
err "battery BATTERY_001: feature 'temperature': 60 of its last 60 values "
err 'are outside the range of the training data, '
err 'out.csv: 720 rows predicted, 0 unknown'
rm -f out.csv

# what does not fit together, by either recipe: said, and no reason to fail
awk -F, -v OFS=, 'NR > 1 { $9 = $9 / 1000 } { print }' in.csv >kw.csv
awk -F, -v OFS=, 'NR > 1 { $5 = $5 - 60 } { print }' in.csv >other.csv
run evtwin-train -q fleet.csv --recipe history --out pasts
expect 0
for models in models pasts; do
    predict --csv kw.csv --models $models
    expect 0
    err 'power is 0.001 times voltage x current'
    predict --csv other.csv --models $models
    expect 0
    err 'another chemistry or number of cells'
    predict --csv in.csv --models $models
    expect 0
    no_err 'warning'
    rm -f out.csv
done
cut -d, -f1,2,4,7,8 in.csv >few.csv # what recipe history does not need is not missed
predict --csv few.csv --models pasts
expect 0
no_err 'warning'
rm -f out.csv

# ---- a signal ends it at once, whatever it does; nothing is written ----
stopped INT 'stage reading' evtwin-predict --csv - --out out.csv
expect 130
one_line
stopped TERM 'stage reading' evtwin-predict --csv - --out out.csv
refused 143
awk 'NR == 1 { head = $0; print; next } { rows[NR] = $0 }
    END { for (k = 0; k < 1400; k++) { for (r = 2; r <= NR; r++) { print rows[r] } } }' in.csv >many.csv
mkfifo slow.csv
prepare='rm -f all_read; { cat many.csv; : >all_read; } >slow.csv &'
stopped INT '[ -e all_read ]' evtwin-predict --csv slow.csv --out out.csv # it predicts
refused 130
prepare=:
for part in reading writing; do
    stopped INT "stage $part" evtwin-predict --csv many.csv --out out.csv
    refused 130
    check 'no half file' [ -z "$(ls -A | grep '^\.evtwin')" ]
done
rm -f many.csv

# ---- bundles that are wrong ----
predict --csv in.csv --models nowhere
refused 66
err 'evtwin-train'

bundle() { rm -rf bad && cp -r models bad; }
bad() {
    predict --models bad --csv in.csv
    refused 65
}
for file in rul_model.json failure_model.json scaler.json manifest.json; do
    size=$(wc -c <models/$file)
    for part in 0 1 $((size / 3)) $((size - 2)); do
        bundle
        head -c "$part" models/$file >bad/$file
        bad
    done
    bundle
    rm bad/$file
    predict --models bad --csv in.csv
    check "without $file" sh -c "[ $code -eq 65 ] || [ $code -eq 66 ]"
    check 'no output' [ ! -e out.csv ]
done

# one number changed: the hash differs
bundle
sed -i '0,/[1-9]/s/[1-9]/7777/' bad/scaler.json
bad
err 'scaler.json'
bundle
awk '{ sub(/"base_score"/, "\"base_scare\""); print }' models/rul_model.json >bad/rul_model.json
bad

# the manifest changed with it: the model itself is checked
reseal() {
    old=$(sha256sum "models/$1" | cut -d' ' -f1)
    new=$(sha256sum "bad/$1" | cut -d' ' -f1)
    check 'the manifest has the hash' grep -q "$old" bad/manifest.json
    sed -i "s/$old/$new/" bad/manifest.json
}
bundle
sed -i 's/"left_children":\[1/"left_children":[999999/' bad/rul_model.json
check 'a child was changed' sh -c '! cmp -s models/rul_model.json bad/rul_model.json'
reseal rul_model.json
bad
bundle
sed -i 's/"split_indices":\[[0-9]*/"split_indices":[4000000/' bad/failure_model.json
reseal failure_model.json
bad
bundle
sed -i 's/"left_children":\[1/"left_children":[0/' bad/rul_model.json
reseal rul_model.json
bad

# a scaler of another length
if command -v python3 >/dev/null; then
    bundle
    python3 - <<'PYTHON'
import json
scaler = json.load(open("bad/scaler.json"))
for key, value in scaler.items():
    if isinstance(value, list):
        scaler[key] = value[:-1]
json.dump(scaler, open("bad/scaler.json", "w"))
PYTHON
    reseal scaler.json
    bad
fi

# ---- --check: each line stands on standard output, that of the models too ----
run evtwin-predict --check --models nowhere --store sqlite:checked.db
expect 66
out 'models nowhere: '
out 'store sqlite:checked.db: ok'
check 'nothing else is said' [ ! -s err ]

# ---- models of a registry, as far as it goes without one (integration.mlflow_predict has the rest) ----
registered() { run env HOME="$PWD" MLFLOW_HTTP_REQUEST_MAX_RETRIES=0 "$@"; }
if registered evtwin-predict --models models:/a@b --mlflow http://127.0.0.1:1 --csv in.csv --out out.csv; grep -q 'without libcurl' err; then
    expect 69
else
    refused 69
    err 'nor are there models in the cache'
    check 'a cache for its owner alone' [ "$(stat -c %a .cache/evtwin/models)" = 700 ]
    registered evtwin-predict --models models:/a --csv in.csv --out out.csv
    refused 2
    err 'models:/NAME@ALIAS'
    registered MLFLOW_TRACKING_INSECURE_TLS=perhaps evtwin-predict --models models:/a@b --csv in.csv --out out.csv
    refused 78
    err "MLFLOW_TRACKING_INSECURE_TLS: 'perhaps'"
    run env -u HOME -u XDG_CACHE_HOME -u CACHE_DIRECTORY evtwin-predict --models models:/a@b --csv in.csv --out out.csv
    refused 2
    err '--models-cache DIR'
    run env CACHE_DIRECTORY=/var/cache/evtwin evtwin-predict --print-config
    expect 0
    out 'models-cache = /var/cache/evtwin/models'
fi

run evtwin-predict --spool-size 5 --store sqlite:checked.db
expect 2
err '--spool-size needs --spool'

finish
