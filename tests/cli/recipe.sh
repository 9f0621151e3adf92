# SPDX-License-Identifier: MIT
# tests/cli/recipe.sh BIN: --recipe history from the training to the prediction of a file: cells of a
# laboratory, named by a column of their own, of which no column is telemetry.
. "$(dirname "$0")/assert.sh"

# ten cells of 60 to 150 cycles, with ids that are no numbers; the last has no end
awk 'BEGIN {
    srand(1); print "cell,cycle,capacity_loss,ohm,rul"
    for (c = 1; c <= 10; c++) {
        life = 50 + 10 * c
        for (n = 1; n <= life; n++) {
            loss = 0.2 * (n / life) ^ 1.5
            printf "%03d,%d,%.5f,%.5f,%s\n", c, n, loss + 0.002 * rand(), 0.016 + 0.05 * loss + 0.0004 * rand(),
                c < 10 ? life - n : ""
        }
    }
}' >cells.csv
rows=$(($(wc -l <cells.csv) - 1))
train() { run evtwin-train cells.csv --recipe history --target rul --failure-target none --features capacity_loss,ohm --out models "$@"; }

train --group cell
expect 0
check 'its baselines beside it' [ "$(grep -cE '^  (this model|training mean|mean life|[a-z_]+ alone) ' out)" -eq 4 ]
manifest_is_documented models/manifest.json
check 'features of a past' grep -q '^  capacity_loss.slope50 ' out
run evtwin-predict --csv cells.csv --out out.csv
expect 0
check 'every row is predicted' [ "$(awk -F, 'NR > 1 && $6 != ""' out.csv | wc -l)" -eq "$rows" ]
check 'ids as they were' [ "$(cut -d, -f1-5 out.csv | cmp - cells.csv && echo same)" = same ]

# the same cells with their rows in turn: each row finds its own past
{ head -n 1 cells.csv; sed 1d cells.csv | sort -t, -k2,2n -k1,1; } >turns.csv
run evtwin-predict --csv turns.csv --out turns-out.csv
expect 0
sort out.csv >a && sort turns-out.csv >b
check 'the same predictions' cmp a b

# nobody says whose the rows are
sed 's/^cell,/note,/' cells.csv >nobody.csv
run evtwin-predict --csv nobody.csv --out nobody-out.csv
expect 65
one_line
err "'cell'"

# but for a training that knew only a counter: where it falls the next cell begins
train --group-by-reset cycle
expect 0
run evtwin-predict --csv nobody.csv --out reset.csv
expect 0
run evtwin-predict --csv cells.csv --out cells-out.csv
expect 0
check 'as many' [ "$(awk -F, 'NR > 1 && $6 != ""' reset.csv | wc -l)" -eq "$rows" ]
check 'the same predictions' [ "$(sed 1d reset.csv | md5sum)" = "$(sed 1d cells-out.csv | md5sum)" ]

# ---- two programs that predict one store: each knows a part of a battery's past, and says so ----
run evtwin-sim -q --until-eol --fleet 12 --seed 1 --record-days 30 --csv fleet.csv
expect 0
run evtwin-train -q fleet.csv --recipe history --out past
expect 0
store=$(fresh_store two)
evtwin-sim -q --fleet 2 --interval 0.1 --sink "$store" 2>sim.err &
sim=$!
predict_two() { exec evtwin-predict --models past --store "$store" --interval 0.2 --metrics-port 0 >"$1.out" 2>"$1.err"; }
predict_two first &
first=$!
check 'the first predicts' await 60 sh -c '[ "$(grep -c "rows of\|Predictions" first.out)" -ge 5 ]'
check 'alone it says nothing' sh -c '! grep -q "another program" first.err'
predict_two second &
second=$!
check 'one of the two says so' await 60 grep -q 'another program predicts the rows' first.err second.err
kill -TERM $first $second $sim
wait $first $second $sim
rm first.err second.err

# nor does one that stands by and never gets a row keep silent: what it knows is old
evtwin-sim -q --fleet 2 --interval 0.1 --sink "$store" 2>sim.err &
sim=$!
predict_two first &
first=$!
check 'the first predicts' await 60 sh -c '[ "$(grep -c "Predictions" first.out)" -ge 2 ]'
evtwin-predict --models past --store "$store" --interval 3 --metrics-port 0 >second.out 2>second.err &
second=$!
check 'the one that stands by says so' await 60 grep -q 'another program predicts the rows' second.err
kill -TERM $first $second $sim
wait $first $second $sim
check 'not again and again' [ "$(cat first.err second.err | grep -c 'another program')" -le 2 ]

# ---- with a spool, whose sinks are behind it, the pasts of a group's batteries begin anew, which is said ----
if evtwin-predict --version | grep -q rdkafka; then
    for models in past own; do
        [ $models = past ] || run evtwin-train -q fleet.csv --out own
        evtwin-predict --models $models --source kafka://127.0.0.1:1/t --sink sqlite:group.db --spool spool.$models \
            --metrics-port 0 >group.out 2>$models.err &
        group=$!
        check 'it waits for the broker' await 60 grep -q 'trying again' $models.err
        kill -TERM $group
        wait $group
    done
    check 'it is said' [ "$(grep -c 'with --spool the past of a battery' past.err)" -eq 1 ]
    check 'of models without a past it is not' [ "$(grep -c 'with --spool' own.err)" -eq 0 ]
fi

finish
