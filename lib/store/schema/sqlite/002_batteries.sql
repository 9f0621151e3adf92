-- SPDX-License-Identifier: MIT
-- Limits in a table and status in a column, what is known of a battery beyond its rows, scores by
-- target, positions of sources.

-- Status is set when a row is written, by the limits of that time: the library computes it, and for
-- other programs triggers do, which are made from the list of quantities.
CREATE TABLE ev_threshold (
    kind TEXT NOT NULL CHECK (kind IN ('status', 'alert', 'display')),
    quantity TEXT NOT NULL,
    level TEXT NOT NULL CHECK (level IN ('NORMAL', 'WARNING', 'CRITICAL')),
    operator TEXT NOT NULL CHECK (operator IN ('<', '>')),
    "limit" REAL NOT NULL,
    UNIQUE (kind, quantity, level, operator)
) STRICT;

-- The generated column becomes an ordinary one with the same values. Views of others that read it
-- are not looked at meanwhile.
PRAGMA legacy_alter_table = ON;
ALTER TABLE ev_telemetry DROP COLUMN status;
ALTER TABLE ev_telemetry ADD COLUMN status TEXT
    CHECK (status = 'NORMAL' OR status = 'WARNING' OR status = 'CRITICAL'); -- IN takes 2 us a row
PRAGMA legacy_alter_table = OFF;
UPDATE ev_telemetry SET status = CASE
    WHEN soc < 15 OR soh < 75 OR temperature > 60 OR failure_probability > 0.7 THEN 'CRITICAL'
    WHEN soc < 30 OR soh < 85 OR temperature > 45 OR failure_probability > 0.3 THEN 'WARNING'
    ELSE 'NORMAL'
END;

-- rows that wait for a prediction, battery by battery in ascending time
DROP INDEX ev_telemetry_unpredicted;
CREATE INDEX ev_telemetry_unpredicted ON ev_telemetry (battery_id, time, seq)
    WHERE prediction_timestamp IS NULL;

-- the standing prediction of a battery: the key of its newest row that has one, or a note
CREATE TABLE ev_battery (
    battery_id TEXT PRIMARY KEY,
    predicted_time TEXT NOT NULL,
    predicted_seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO ev_battery (battery_id, predicted_time, predicted_seq)
SELECT t.battery_id, t.time, t.seq
FROM (SELECT DISTINCT battery_id AS id FROM ev_telemetry) AS b JOIN ev_telemetry AS t
    ON t.battery_id = b.id
    AND (t.time, t.seq) = (
        SELECT n.time, n.seq FROM ev_telemetry AS n
        WHERE n.battery_id = b.id AND n.prediction_timestamp IS NOT NULL
        ORDER BY n.time DESC, n.seq DESC LIMIT 1
    );

-- the state of a battery's prediction session, up to its row of that time and seq
CREATE TABLE ev_state (
    battery_id TEXT PRIMARY KEY,
    time TEXT,
    seq INTEGER,
    state TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- held-out scores of the models that predicted here, one row a target
CREATE TEMP TABLE ev_model_1 AS SELECT * FROM main.ev_model ORDER BY put_at;
DROP TABLE main.ev_model;
CREATE TABLE ev_model (
    model_version TEXT NOT NULL,
    target TEXT NOT NULL,
    trained_at TEXT,
    r2 REAL,
    rmse REAL,
    mae REAL,
    auc REAL,
    average_precision REAL,
    accuracy REAL,
    brier REAL,
    put_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')),
    PRIMARY KEY (model_version, target)
) STRICT; -- in the order they were put
INSERT INTO ev_model (model_version, target, trained_at, r2, rmse, mae, put_at)
SELECT model_version, 'rul', trained_at, rul_r2, rul_rmse, rul_mae, put_at FROM temp.ev_model_1
WHERE coalesce(rul_r2, rul_rmse, rul_mae) IS NOT NULL OR coalesce(failure_auc, failure_brier) IS NULL;
INSERT INTO ev_model (model_version, target, trained_at, auc, brier, put_at)
SELECT model_version, 'failure', trained_at, failure_auc, failure_brier, put_at FROM temp.ev_model_1
WHERE coalesce(failure_auc, failure_brier) IS NOT NULL;
DROP TABLE temp.ev_model_1;

-- how far each source has been read into here
CREATE TABLE ev_position (
    source TEXT PRIMARY KEY,
    position TEXT NOT NULL
) STRICT, WITHOUT ROWID;
