# SPDX-License-Identifier: MIT
# tests/cli/store.sh BIN: what may happen to a database while the tools use it.
. "$(dirname "$0")/assert.sh"
on_postgres || need sqlite3

make_fleet 12 60 >fleet.csv
run evtwin-train -q fleet.csv --out models
expect 0
check 'a bundle is its owner'\''s' [ "$(stat -c %a models models/manifest.json | tr '\n' ' ')" = '700 600 ' ]

# ---- rows of other programs ----
store=$(fresh_store a)
foreign() { # TIME
    if on_postgres; then
        sql "$store" "INSERT INTO ev_telemetry (time, battery_id, soc, soh, voltage, current, temperature,
            charge_cycles, power_consumption, is_charging) VALUES ('$1', 'OTHER', 80, 95, 380, 10, 25, 10, 3800, false)"
    else
        sql "$store" "PRAGMA ignore_check_constraints = ON; BEGIN IMMEDIATE;
            UPDATE ev_revision SET revision = revision + 1;
            INSERT INTO ev_telemetry (time, battery_id, soc, soh, voltage, current, temperature, charge_cycles,
                power_consumption, is_charging, seq, created_at, revision)
            SELECT '$1', 'OTHER', 80, 95, 380, 10, 25, 10, 3800, 0, 0, '2024-01-01T00:00:00.000000Z', revision
            FROM ev_revision; COMMIT"
    fi
}
run evtwin-sim --fleet 3 --speed max --duration 4 --sink "$store" -q
foreign 2024-01-01T01:00:00.0+01:00
foreign '2024-01-01 00:00:00.000000Z'
foreign "$(on_postgres && echo infinity || echo xxxxxxxxxxxxxxxxxxxxxxxxxxx)"
run evtwin-predict --models models --store "$store" --once
expect 0
err 'time cannot be read'
check 'all others are predicted' \
    [ "$(sql "$store" 'SELECT COUNT(*) FROM ev_telemetry WHERE rul_prediction IS NULL')" = 1 ]
check 'nothing waits' \
    [ "$(sql "$store" 'SELECT COUNT(*) FROM ev_telemetry WHERE prediction_timestamp IS NULL')" = 0 ]
! on_postgres || finish # the rest is of files
file_sql() { sqlite3 -cmd '.timeout 60000' "$@"; }

# ---- a database that others changed ----
cp a.db b.db
ln b.db c.db
run evtwin-sim --duration 1 --sink sqlite:c.db -q
expect 73
one_line
err 'hard links'
rm c.db
file_sql b.db 'CREATE TRIGGER theirs AFTER INSERT ON ev_telemetry BEGIN DELETE FROM ev_telemetry; END'
run evtwin-sim --duration 1 --sink sqlite:b.db -q
expect 65
one_line
err 'trigger theirs'
file_sql b.db 'DROP TRIGGER theirs; DROP VIEW latest_battery_status'
run evtwin-serve --store sqlite:b.db --port 0 -q
expect 65
err 'latest_battery_status'
run evtwin-sim --duration 1 --sink sqlite:b.db -q
expect 0
check 'the view is there again' file_sql b.db 'SELECT * FROM latest_battery_status'

# ---- a wrong clock ----
if ! command -v faketime >/dev/null; then
    echo 'skipped: there is no faketime to set a wrong clock'
elif faketime -f +60d evtwin-sim --version >/dev/null 2>&1; then # not beside a sanitizer
    before=$(file_sql b.db 'SELECT COUNT(*) FROM ev_telemetry')
    run faketime -f +60d evtwin-sim --duration 1 --battery-id LATE --sink sqlite:b.db -q
    expect 0
    check 'deletes nothing' [ "$(file_sql b.db 'SELECT COUNT(*) FROM ev_telemetry')" -gt "$before" ]
fi

# ---- replaced while it is in use ----
predicted() { [ "$(file_sql -readonly live.db 'SELECT COUNT(prediction_timestamp) >= 3 FROM ev_telemetry')" = 1 ]; }
evtwin-sim --fleet 2 --interval 0.1 --sink sqlite:live.db -q >sim.out 2>sim.err &
sim=$!
check 'the simulator writes' await 10 [ -s live.db ]
evtwin-predict --models models --store sqlite:live.db --interval 0.1 --metrics-port 0 -q >predict.out 2>predict.err &
predict=$!
check 'rows are predicted' await 10 predicted
file_sql live.db "VACUUM INTO 'backup.db'"
rm -f live.db live.db-wal live.db-shm
check 'made anew and predicted' await 10 predicted
n=$(file_sql -readonly live.db 'SELECT COUNT(*) FROM ev_telemetry')
mv live.db old.db
check 'moved away: again' await 10 predicted
check 'the old one is whole' [ "$(file_sql old.db 'PRAGMA integrity_check; SELECT COUNT(*) >= '"$n"' FROM ev_telemetry' | tr '\n' ' ')" = 'ok 1 ' ]
n=$(file_sql backup.db 'SELECT COUNT(*) FROM ev_telemetry')
mv backup.db live.db
grown() { [ "$(file_sql -readonly live.db 'SELECT COUNT(prediction_timestamp) > '"$n"' + 3 FROM ev_telemetry')" = 1 ]; }
check 'a backup in its place is written and predicted' await 10 grown
last='evtwin-sim and evtwin-predict on a database that is replaced'
for p in $predict $sim; do
    kill -TERM "$p"
    code=0
    wait "$p" || code=$?
    expect 0
done
check 'the backup is sound' [ "$(file_sql live.db 'PRAGMA integrity_check')" = ok ]
check 'and says so' grep -q 'removed or replaced' predict.err
finish
